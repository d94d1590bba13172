// SPDX-License-Identifier: Apache-2.0
// Making and changing elements. What a node tells comes in as text, never as markup; what has not
// changed is not touched, so that nothing is laid out again for it.
'use strict';

const byId = (id) => document.getElementById(id);

// element('p', 'faint', 'text', child, ...)
function element(tag, className = '', ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
function setClass(node, name) {
  if (node.className !== name) node.className = name;
}
function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}
function setHidden(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}
function setStyle(node, property, value) {
  if (node.style[property] !== value) node.style[property] = value;
}

// Makes the children of `parent` those of `items`, in that order. A child stays with its key:
// `make(item)` gives a new one, `update(child, item)` fills it. Of items with the same key one counts.
function fill(parent, items, keyOf, make, update) {
  const known = parent.known ??= new Map();
  const wanted = new Map(items.map((item) => [keyOf(item), item]));
  for (const [key, child] of known)
    if (!wanted.has(key)) {
      child.remove();
      known.delete(key);
    }
  let at = parent.firstElementChild;
  for (const [key, item] of wanted) {
    let child = known.get(key);
    if (!child) known.set(key, child = make(item));
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
    update(child, item);
  }
}

// A <dl>'s entries, of [term, text, class] each.
function fillTerms(list, entries) {
  fill(list, entries, ([term]) => term,
    ([term]) => element('div', '', element('dt', '', term), element('dd')),
    (row, [, text, className = '']) => {
      setText(row.lastChild, text);
      setClass(row.lastChild, className);
    });
}
