// SPDX-License-Identifier: Apache-2.0
// Events, checks, verdicts, and what the engine runs on.

const EVENTS = 30;

function makeEvent() {
  const row = element('li');
  row.time = element('time');
  row.about = element('b');
  row.what = element('span');
  row.append(row.time, element('span', '', row.about, row.what));
  return row;
}

function updateEvents({events}) {
  fill(byId('events'), events.slice(-EVENTS).reverse(), (event) => event.sequence, makeEvent,
    (row, event) => {
      const [about, what, name] = eventText(event);
      setText(row.time, new Date(event.time).toLocaleTimeString('en-GB'));
      setAttribute(row.time, 'datetime', event.time);
      setAttribute(row.time, 'title', event.time);
      setText(row.about, about);
      setText(row.what, what);
      setClass(row.what, name);
    });
}

function makeEntry() {
  const row = element('li');
  row.name = element('span');
  row.why = element('span', 'why');
  row.figure = element('span', 'badge');
  row.append(element('span', '', row.name, row.why), row.figure);
  return row;
}

function updateChecks(checks) {
  const list = byId('checks');
  const items = checks.length ? checks : [{name: 'No check is configured.'}];
  fill(list, items, (check) => check.name, makeEntry, (row, check) => {
    setText(row.name, check.name);
    if (check.kind === undefined) return;
    const state = check.up === null ? 'unknown' : check.up ? 'up' : 'down';
    setText(row.why, [check.kind, check.last_result, check.up !== null && `for ${durationText(check.for_seconds)}`]
      .filter(Boolean).join(', '));
    setBadge(row.figure, state);
    setClass(row.figure, `badge ${STATES[state][2]}`);
  });
}

const VERDICTS = ['drop', 'tx', 'pass', 'punt', 'take'];

// Those that ever happened: drops first, then the others, each by its name.
function updateVerdicts(status, past) {
  const rows = Object.entries(status.packets).map(([name, total]) =>
    ({name, total, rate: past.rate(`packets ${name}`), bad: name.startsWith('drop/')}));
  for (const [reason, total] of Object.entries(status.adverts.dropped))
    rows.push({name: `advert dropped: ${reason}`, total, rate: past.rate(`adverts ${reason}`), bad: true});
  const order = (row) => row.bad ? 0 : VERDICTS.indexOf(row.name.split('/')[0]);
  const seen = rows.filter((row) => row.total > 0).sort((a, b) => order(a) - order(b));
  fill(byId('verdicts'), seen, (row) => row.name, makeEntry, (node, row) => {
    setText(node.name, row.name);
    setText(node.why, `${count(row.total)} since the start`);
    setText(node.figure, `${shortNumber(row.rate)}/s`);
    setClass(node.figure, row.bad && row.rate > 0 ? 'badge warn' : 'badge');
  });
}

function updateEngine(status) {
  const thread = status.vrrp_thread, late = thread.lateness;
  const entries = [['engine', status.engine], ['version', status.version], ['configuration', status.config_file],
    ['VRRP thread', `${thread.scheduler}, memory ${thread.memory_locked ? 'locked' : 'not locked'}`,
      thread.realtime ? '' : 'warn']];
  if (late.count > 0)
    entries.push(['adverts late by', `${durationText(late.p50_us / 1e6)} (p50), ${durationText(late.p99_us / 1e6)} (p99), ${durationText(late.max_us / 1e6)} (max)`]);
  for (const i of status.interfaces)
    entries.push([i.name, `${i.up ? 'up' : '✕ down'}, XDP ${i.xdp_mode ?? 'none'}, ${i.mac}`, i.up ? '' : 'bad']);
  entries.push(['addresses put back', `${status.addresses_restored} times`, status.addresses_restored ? 'warn' : '']);
  fillTerms(byId('engine'), entries);
}
