// SPDX-License-Identifier: Apache-2.0
// The pair: for each virtual router who answers, as both nodes see it. Of a peer whose /status is
// not read, only what its adverts tell is known, and the page says so.

const HEARD = 3;          // advert intervals after which a peer counts as silent
const FEW_ROUTERS = 16;   // that are shown at first
const LATE_MS = 1000;     // how old a document may be when it comes

// What can be told of one node's part in a virtual router:
//   {state, lines: [text...], lease: {text, fraction} or null, told, since}
// told: the instant of its document; since: of its last transition.
function ownSide(router, told) {
  const timers = router.timers;
  const {configured, effective, explanation} = router.priority;
  const lines = [`priority ${configured === effective ? effective : explanation}`];
  lines.push(`for ${durationText(router.for_seconds)}: ${router.cause}`);
  if (router.handed_over) lines.push('handed over: stays Backup while the peer is there');
  if (router.waits_for_flows) lines.push('waits for the flows of the other node');
  if (router.held_back) lines.push('adverts are lost, the sync link says that the peer is Active');
  const sockets = router.sockets;
  if (sockets && sockets.draining) lines.push(`keeps ${sockets.here} connections to its own services`);
  if (sockets && sockets.there && router.state === 'Active') lines.push(`sends on what is of ${sockets.there} connections there`);
  if (router.waits_for_backends) lines.push('waits until its backends are up');
  return {
    state: router.state,
    told,
    since: told - router.for_seconds * 1e3,
    lines,
    lease: router.lease_ms === null ? null : {
      text: `${durationText(router.lease_ms / 1e3)} of lease left`,
      fraction: Math.min(1, router.lease_ms / Math.max(1, timers.active_down_interval_ms)),
    },
  };
}

// The other node, from its adverts alone.
function advertsSide(router) {
  const peer = router.peer;
  const silent = peer === null ||
    peer.seen_seconds_ago * 1e3 > HEARD * router.timers.active_adver_interval_ms;
  const heard = peer && `last advert ${durationText(peer.seen_seconds_ago)} ago, priority ${peer.priority}`;
  if (!silent) return {state: 'Active', lines: ['as its adverts say', heard], lease: null};
  return {state: 'silent', lines: [peer ? heard : 'no advert heard yet', 'a Backup is silent too'], lease: null};
}

// The peer's part, from its own document if there is one.
function peerSide(router, peer, told) {
  if (!peer) return advertsSide(router);
  const theirs = peer.vrrp.routers.find((r) => r.vrid === router.vrid && r.family === router.family);
  if (theirs) return ownSide(theirs, told);
  return {state: 'none', lines: ['its configuration has no such virtual router'], lease: null};
}

// Two that say Active do so at the same time only if the one that was first still says it after the
// other one began. If not, its document is of the time before, and its lease has run out.
function outdate(left, right) {
  if (left.state !== 'Active' || right.state !== 'Active' || right.told === undefined) return;
  const [first, second] = left.since < right.since ? [left, right] : [right, left];
  if (first.told >= second.since + LATE_MS) return;
  first.state = 'over';
  first.lease = null;
  first.lines = ['was Active when it answered last', 'the other node has taken over since'];
}

const SIDE_CLASS = {Active: 'active', Backup: 'backup', Initialize: 'backup', Fault: 'fault',
  silent: 'unknown', none: 'unknown', over: 'unknown'};
const SIDE_WORD = {silent: 'Silent', none: 'Not configured', over: 'Lease over'};

function makeSide() {
  const side = element('div', 'side');
  side.badge = element('p', 'badge');
  side.lease = element('div', 'lease');
  side.leaseBar = element('i');
  side.leaseText = element('span');
  const bar = element('div', 'lease-bar', side.leaseBar);
  bar.setAttribute('aria-hidden', 'true');
  side.lease.append(bar, side.leaseText);
  side.lines = element('div');
  side.append(side.badge, side.lease, side.lines);
  return side;
}

function updateSide(node, side) {
  setClass(node, `side ${SIDE_CLASS[side.state] ?? 'unknown'}`);
  setBadge(node.badge, SIDE_WORD[side.state] ?? side.state);
  setHidden(node.lease, side.lease === null);
  if (side.lease) {
    setText(node.leaseText, side.lease.text);
    setStyle(node.leaseBar, 'width', `${Math.round(side.lease.fraction * 100)}%`);
  }
  fill(node.lines, side.lines.filter(Boolean).map((text, i) => ({text, i})), (line) => line.i,
    () => element('p'), (p, line) => setText(p, line.text));
}

function makeRow() {
  const row = element('div', 'pair-row');
  row.setAttribute('role', 'group');
  row.left = makeSide();
  row.right = makeSide();
  row.middle = element('div', 'between');
  row.addresses = element('div');
  row.about = element('span', 'faint');
  row.verdict = element('span', 'verdict');
  row.middle.append(element('div', '', row.addresses, row.about, row.verdict));
  row.append(row.left, row.middle, row.right);
  return row;
}

// Who answers, in a word: which side of the row is joined to the address.
function answering(left, right) {
  if (left.state === 'Active' && right.state === 'Active') return 'both';
  if (left.state === 'Active') return 'left';
  return right.state === 'Active' ? 'right' : 'nobody';
}

function verdictText(who, names) {
  if (who === 'both') return ['both say Active', 'verdict bad'];
  if (who === 'nobody') return ['nobody is known to answer', 'verdict bad'];
  return [`${names[who]} answers`, 'verdict good'];
}

function updateRow(row, {router, peer, names, answered}) {
  const left = ownSide(router, answered.left), right = peerSide(router, peer, answered.right);
  outdate(left, right);
  const who = answering(left, right);
  updateSide(row.left, left);
  updateSide(row.right, right);
  setClass(row.middle, `between ${who}`);
  setAttribute(row, 'aria-label', router.name);
  setAttribute(row, 'data-router', router.name);
  setAttribute(row, 'data-answers', who);
  fill(row.addresses, router.addresses, (a) => a.address,
    () => element('div', 'code'), (node, a) => setText(node, a.address.replace(/\/\d+$/, '')));
  setText(row.about, `${router.name}, VRID ${router.vrid} on ${router.interface}`);
  const [text, name] = verdictText(who, names);
  setText(row.verdict, text);
  setClass(row.verdict, name);
}

function peerName(told, peer) {
  if (peer) return peer.status.node;
  const heard = told.vrrp.routers.find((router) => router.peer);
  return heard ? heard.peer.address : 'the other node';
}

function peerAbout(told, peer, peerTrouble) {
  if (peer) return `the peer, up for ${durationText(peer.status.uptime_seconds)}`;
  if (peerTrouble) return `${told.status.peer_http} does not answer: known from adverts only`;
  return 'known from its adverts only';
}

function makeHead(parent) {
  const head = element('div', 'pair-row pair-head');
  const column = () => {
    const made = element('div', '', element('h3'), element('p', 'faint'));
    head.append(made);
    return made;
  };
  head.left = column();
  head.append(element('div'));
  head.right = column();
  parent.shown = FEW_ROUTERS;
  parent.all = element('button');
  parent.all.type = 'button';
  parent.all.addEventListener('click', () => {
    parent.shown = Infinity;
    redraw();
  });
  parent.append(head, parent.rows = element('div', 'pair-rows'), parent.all);
  return head;
}

// answered: when the documents came, {left, right}.
function updatePair(told, peer, peerTrouble, answered) {
  const parent = byId('pair');
  const head = parent.head ??= makeHead(parent);
  const names = {left: told.status.node, right: peerName(told, peer)};
  setText(head.left.firstChild, names.left);
  setText(head.left.lastChild, `this node, up for ${durationText(told.status.uptime_seconds)}`);
  setText(head.right.firstChild, names.right);
  setText(head.right.lastChild, peerAbout(told, peer, peerTrouble));
  fill(parent.rows, told.vrrp.routers.slice(0, parent.shown).map((router) => ({router, peer, names, answered})),
    (item) => item.router.name, makeRow, updateRow);
  setHidden(parent.all, told.vrrp.routers.length <= parent.shown);
  setText(parent.all, `Show all ${told.vrrp.routers.length} virtual routers`);
  announceMoves(told.vrrp.routers);
}

// For those who listen to the page: a virtual router that changed its state.
const statesBefore = new Map();
function announceMoves(routers) {
  const moves = routers.filter((r) => statesBefore.has(r.name) && statesBefore.get(r.name) !== r.state);
  for (const router of routers) statesBefore.set(router.name, router.state);
  if (moves.length) setText(byId('announce'), moves.map((r) => `${r.name} is ${r.state}`).join(', '));
}
