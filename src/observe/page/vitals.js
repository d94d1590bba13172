// SPDX-License-Identifier: Apache-2.0
// The node's traffic as figures with plots, and whether the counts are right.

const TRAFFIC = ['packets_in', 'bytes_in', 'packets_out', 'bytes_out'];

// The counters of a document, by names of our own.
function countersOf(told) {
  const counters = new Map();
  for (const service of told.services.services)
    for (const name of TRAFFIC) counters.set(`service ${service.name} ${name}`, service[name]);
  for (const name of TRAFFIC)
    counters.set(`all ${name}`, told.services.services.reduce((sum, s) => sum + s[name], 0));
  let dropped = 0, seen = 0;
  for (const [reason, packets] of Object.entries(told.status.packets)) {
    counters.set(`packets ${reason}`, packets);
    seen += packets;
    if (reason.startsWith('drop/')) dropped += packets;
  }
  counters.set('dropped', dropped);
  counters.set('seen', seen);
  for (const [reason, adverts] of Object.entries(told.status.adverts.dropped))
    counters.set(`adverts ${reason}`, adverts);
  return counters;
}

// Which line is which: each name beside a piece of its line.
const withKeys = (into, out) => [
  element('span', '', element('i', 'key'), `in ${into}`),
  element('span', '', element('i', 'key second'), `out ${out}`)];

// Each gives {value, unit, more, series: [number or null, ...]}
const VITALS = [
  ['Active flows', 1, (told) => {
    const active = told.services.services.reduce((sum, s) => sum + s.flows.active, 0);
    const remembered = told.services.services.reduce((sum, s) => sum + s.flows.total, 0);
    return {value: count(active), unit: '', more: `${count(remembered)} remembered`, series: [active]};
  }],
  ['New flows', 1, (told) => {
    const fresh = told.services.services.reduce((sum, s) => sum + s.new_per_second, 0);
    return {value: shortNumber(fresh), unit: '/s', more: '', series: [fresh]};
  }],
  ['Packets of services', 2, (told, past) => {
    const [into, out] = [past.rate('all packets_in'), past.rate('all packets_out')];
    return {value: shortNumber(into === null ? null : into + out), unit: '/s',
      more: [shortNumber(into), shortNumber(out)], series: [into, out]};
  }],
  ['Bits of services', 2, (told, past) => {
    const [into, out] = [past.rate('all bytes_in'), past.rate('all bytes_out')];
    return {value: bitText(into === null ? null : into + out), unit: '',
      more: [bitText(into), bitText(out)], series: [into, out]};
  }],
  ['Dropped', 1, (told, past) => {
    const dropped = past.rate('dropped'), seen = past.rate('seen');
    return {value: shortNumber(dropped), unit: '/s', more: `of ${shortNumber(seen)} packets/s seen`,
      series: [dropped]};
  }],
];

function makeVital([name, lines]) {
  const vital = element('div', 'card vital');
  vital.number = element('span');
  vital.unit = element('small');
  vital.more = element('span', 'more');
  vital.plot = makePlot(lines);
  vital.append(element('span', 'name', name), element('div', 'value', vital.number, vital.unit),
    vital.more, vital.plot);
  return vital;
}

function updateVital(vital, [name, lines, figures], told, past) {
  const {value, unit, more, series} = figures(told, past);
  setText(vital.number, value);
  setText(vital.unit, value === '-' ? '' : unit);
  if (lines === 1) setText(vital.more, more);
  else if (vital.told !== more.join()) {
    vital.told = more.join();
    vital.more.replaceChildren(...withKeys(...more));
  }
  drawPlot(vital.plot, name, ...series.map((point, i) => past.plot(`${name} ${i}`, point)));
}

function makeCounts() {
  const card = element('div', 'card vital');
  card.id = 'counts';
  card.badge = element('div', 'value');
  card.more = element('span', 'more');
  card.room = element('span', 'more');
  card.append(element('span', 'name', 'Counts equal flows'), card.badge, card.more, card.room);
  return card;
}

function updateCounts(card, {counts, flow_tables: tables}) {
  if (counts === null) {
    setText(card.badge, '… unknown');
    setClass(card.badge, 'value warn');
    return;
  }
  setText(card.badge, counts.agree ? '✓ yes' : '✕ no');
  setClass(card.badge, `value ${counts.agree ? 'good' : 'bad'}`);
  setText(card.more, `${count(counts.active_in_table)} in the flow tables, ` +
    `${count(counts.active_in_schedulers)} in the schedulers`);
  const used = (table) => `${threeDigits(100 * table.flows / Math.max(1, table.capacity))}%`;
  setText(card.room, `tables full by ${used(tables.ipv4)} (IPv4), ${used(tables.ipv6)} (IPv6)`);
}

function updateVitals(told, past) {
  const parent = byId('vitals');
  fill(parent, [...VITALS, null], (vital) => vital ? vital[0] : 'counts',
    (vital) => vital ? makeVital(vital) : makeCounts(),
    (card, vital) => vital ? updateVital(card, vital, told, past)
      : updateCounts(card, told.services));
}
