// SPDX-License-Identifier: Apache-2.0
// The backends of one service: a row each, up to a number; of more of them a map in which each is a
// field, and the rows of those that need looking at first.

const FEW = 12;         // rows that are always shown
const MORE = 50;        // rows that "show more" adds
const MAP_ABOVE = 24;   // backends

// What the scheduler aims at for each: the service's active connections by weight, among those
// that take new ones. Scaled so that the longest bar fills its place.
function sharesOf(backends) {
  let active = 0, weight = 0;
  for (const b of backends) {
    active += b.active;
    if (b.state === 'up') weight += b.weight;
  }
  let longest = 1;
  const fair = (b) => b.state === 'up' && weight > 0 ? active * b.weight / weight : 0;
  for (const b of backends) longest = Math.max(longest, b.active, fair(b));
  return {fair, longest};
}

const TROUBLE = {down: 2, draining: 1, up: 0};
// Those in trouble first, then the busiest for their weight.
function byNeed(a, b) {
  return TROUBLE[b.state] - TROUBLE[a.state] ||
    b.active / Math.max(1, b.weight) - a.active / Math.max(1, a.weight);
}

const backendKey = (b) => endpointText(b.address, b.port);

function makeBackend() {
  const row = element('tr');
  row.address = element('span', 'code');
  row.why = element('span', 'why');
  row.badge = element('span', 'badge');
  row.bar = element('i');
  row.fair = element('u');
  row.load = element('div', 'load', row.bar, row.fair);
  row.load.setAttribute('role', 'img');
  row.active = element('td', 'number');
  row.rate = element('td', 'number rate');
  row.append(element('td', '', row.address, row.why), element('td', '', row.badge),
    element('td', '', row.load), row.active, row.rate);
  return row;
}

// Everything worth saying of a backend beside its figures.
function whyText(b) {
  const parts = [b.why];
  if (b.state !== 'up') parts.push(`for ${durationText(b.for_seconds)}`);
  if (b.slow_start !== null) parts.push(`slow start: ${Math.round(b.slow_start * 100)}% of its weight`);
  parts.push(`weight ${b.weight}` + (b.weight === b.configured_weight ? '' : ` (file: ${b.configured_weight})`));
  if (b.max_connections > 0) parts.push(`at most ${count(b.max_connections)}`);
  if (b.state === 'up' && b.next_hop === null) parts.push('next hop unknown');
  return parts.join(', ');
}

function updateBackend(row, {b, shares}) {
  const fair = shares.fair(b), full = b.max_connections > 0 && b.active >= b.max_connections;
  setText(row.address, backendKey(b));
  const why = whyText(b);
  setText(row.why, why);
  setClass(row.why, b.state === 'up' && b.slow_start === null ? 'why' : 'why told');
  setAttribute(row.firstChild, 'title', why);
  setBadge(row.badge, b.state);
  setClass(row.badge, `badge ${STATES[b.state]?.[2] ?? ''}`);
  setClass(row, full ? 'full' : '');
  const percent = (value) => `${(100 * value / shares.longest).toFixed(1)}%`;
  setStyle(row.bar, 'width', percent(b.active));
  setHidden(row.fair, fair === 0);
  setStyle(row.fair, 'left', percent(fair));
  setAttribute(row.load, 'aria-label', `${b.active} active connections, ${threeDigits(fair)} by weight`);
  setText(row.active, full ? `${count(b.active)}, full` : count(b.active));
  setText(row.rate, shortNumber(b.new_per_second));
}

function makeTable() {
  const table = element('table', 'backends');
  const head = element('tr');
  for (const [name, title] of [['address', 'Backend'], ['state', 'State'], ['', 'Load'],
    ['active number', 'Active'], ['rate number', 'New/s']]) {
    const cell = element('th', name, title);
    cell.scope = 'col';
    head.append(cell);
  }
  table.rowsPart = element('tbody');
  table.append(element('thead', '', head), table.rowsPart);
  return table;
}

function makeBackends() {
  const part = element('div', 'backends-part');
  part.map = element('canvas', 'map');
  part.map.setAttribute('role', 'img');
  part.table = makeTable();
  part.told = element('span');
  part.button = element('button', '', 'Show more');
  part.button.type = 'button';
  part.shown = FEW;
  part.button.addEventListener('click', () => {
    part.shown += MORE;
    redraw();
  });
  part.footer = element('div', 'more-rows', part.told, part.button);
  part.append(part.map, part.table, part.footer);
  return part;
}

function updateBackends(part, backends, all) {
  const shares = sharesOf(all);
  setHidden(part.map, all.length <= MAP_ABOVE);
  if (all.length > MAP_ABOVE) drawMap(part.map, all, shares);
  const ordered = backends.length > part.shown ? [...backends].sort(byNeed) : backends;
  const rows = ordered.slice(0, part.shown);
  setHidden(part.table, rows.length === 0);
  fill(part.table.rowsPart, rows.map((b) => ({b, shares})), (item) => backendKey(item.b), makeBackend, updateBackend);
  setHidden(part.footer, rows.length === backends.length);
  setHidden(part.button, part.shown >= ROWS_AT_MOST);
  setText(part.told, `${count(rows.length)} of ${count(backends.length)} backends, down and draining first` +
    (part.shown >= ROWS_AT_MOST ? '; filter to see others' : ''));
}
const ROWS_AT_MOST = 212;

// A field for each backend, in the order of the configuration: the brighter, the busier; down is
// crossed out, draining is half.
const FIELD = 14, GAP = 2;
function drawMap(canvas, backends, shares) {
  const width = canvas.parentElement.clientWidth;
  if (!width) return;
  const columns = Math.max(1, Math.floor(width / FIELD));
  const height = Math.ceil(backends.length / columns) * FIELD;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = `${height}px`;
  }
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const [ground, bar, bad, warn] = ['--bar-ground', '--bar', '--bad', '--warn'].map(colour);
  const pen = canvas.getContext('2d');
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.lineWidth = 2;
  backends.forEach((b, i) => drawField(pen, b, (i % columns) * FIELD, Math.floor(i / columns) * FIELD,
    b.active / shares.longest, {ground, bar, bad, warn}));
  const number = (state) => backends.filter((b) => b.state === state).length;
  setAttribute(canvas, 'aria-label', `${backends.length} backends: ${number('up')} up, ` +
    `${number('draining')} draining, ${number('down')} down`);
}

function drawField(pen, b, x, y, load, colours) {
  const size = FIELD - GAP;
  pen.globalAlpha = 1;
  pen.fillStyle = colours.ground;
  pen.fillRect(x, y, size, size);
  pen.fillStyle = b.state === 'draining' ? colours.warn : colours.bar;
  const level = Math.round(size * load);
  pen.fillRect(x, y + size - level, size, level);
  if (b.state === 'up') return;
  pen.strokeStyle = b.state === 'down' ? colours.bad : colours.warn;
  pen.strokeRect(x + 1, y + 1, size - 2, size - 2);
  if (b.state !== 'down') return;
  pen.beginPath();
  pen.moveTo(x + 2, y + 2);
  pen.lineTo(x + size - 2, y + size - 2);
  pen.moveTo(x + size - 2, y + 2);
  pen.lineTo(x + 2, y + size - 2);
  pen.stroke();
}
