// SPDX-License-Identifier: Apache-2.0
// Asks the node for /status again and again, and its peer where `node.peer_http` says so; then
// fills the page. When no answer comes, the page keeps what it knew and says how old it is.

const EVERY_MS = 1000;
const PATIENCE_MS = 3000;
const STALE_MS = 3500;  // after the last answer

const past = new Past();
// For tests and the curious: how often the page was filled, and what the last time took.
const page = {
  told: null, peer: null, peerTrouble: false, trouble: '',
  answered: 0, peerAnswered: 0, shown: 0,  // instants
  refreshes: 0, took_ms: 0,
};

const instants = () => ({left: page.answered, right: page.peerAnswered});

async function ask(url) {
  const answer = await fetch(url, {cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS)});
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer.json();
}

// In place of what the data plane did not tell: a warning of the status says why.
const NO_TABLE = {flows: 0, capacity: 0};
const NO_SERVICES = {services: [], flow_tables: {ipv4: NO_TABLE, ipv6: NO_TABLE}, counts: null};
const NO_BACKENDS = {backends: []};

async function refreshPeer() {
  const base = page.told?.status.peer_http;
  if (!base) return;
  try {
    page.peer = await ask(new URL('/status', base));
    page.peerAnswered = performance.now();
    page.peerTrouble = false;
  } catch {
    if (page.peer && performance.now() - page.peerAnswered < STALE_MS) return;  // once is no trouble
    page.peer = null;
    page.peerTrouble = true;
  }
  updatePair(page.told, page.peer, page.peerTrouble, instants());
}

function updateWarnings(told) {
  const warnings = told.status.warnings;
  const list = byId('warnings');
  fill(list, warnings, (text) => text, () => element('li'), (row, text) => setText(row, `⚠ ${text}`));
  setHidden(list, warnings.length === 0);
}

// Fills the page from the last documents.
function redraw() {
  const {told, peer, peerTrouble} = page;
  if (!told) return;
  setText(byId('node'), told.status.node);
  setText(byId('about'), `Tandem ${told.status.version}, engine ${told.status.engine}, up for ${durationText(told.status.uptime_seconds)}`);
  document.title = `${told.status.node}: ${told.vrrp.routers.filter((r) => r.state === 'Active').map((r) => r.name).join(', ') || 'not Active'}`;
  updateWarnings(told);
  updatePair(told, peer, peerTrouble, instants());
  updateVitals(told, past);
  updateServices(told, past);
  updateEvents(told.events);
  updateChecks(told.status.checks);
  updateVerdicts(told.status, past);
  updateEngine(told.status);
}

function updateLink() {
  const silent = performance.now() - Math.max(page.answered, page.shown);
  const stale = page.told !== null && silent > STALE_MS;
  const lost = page.trouble !== '' || stale;
  setClass(byId('link'), `pill ${lost ? 'old' : page.told ? 'live' : ''}`);
  setText(byId('link-text'), lost ? 'no answer' : page.told ? 'live' : 'asking the daemon');
  document.body.classList.toggle('stale', stale);
  const banner = byId('stale');
  setHidden(banner, !stale && !(page.trouble && !page.told));
  setText(banner, page.told
    ? `✕ The daemon has not answered for ${durationText(Math.floor(silent / 1000))}. What is below is as old.`
    : `✕ The daemon does not answer: ${page.trouble}`);
}

async function refresh() {
  let told;
  try {
    told = await ask('status');
  } catch (error) {
    page.trouble = String(error.message ?? error);
    return;
  }
  page.told = {...told, services: told.services ?? NO_SERVICES, backends: told.backends ?? NO_BACKENDS};
  page.answered = performance.now();
  page.trouble = '';
  past.take(told.status.uptime_seconds, countersOf(page.told));
  plotServices(page.told, past);
  redraw();
  page.took_ms = performance.now() - page.answered;
  page.refreshes++;
}

// One request at a time; a page that nobody sees asks nothing.
async function always(work) {
  for (;;) {
    const begun = performance.now();
    if (!document.hidden) await work().catch(console.error);
    const left = EVERY_MS - (performance.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, Math.max(left, 200)));
  }
}

byId('filter').addEventListener('input', redraw);
window.addEventListener('resize', redraw);
document.addEventListener('visibilitychange', () => page.shown = performance.now());
setInterval(updateLink, 250);
always(refresh);
always(refreshPeer);  // apart: one that hangs holds nothing up
