// SPDX-License-Identifier: Apache-2.0
// Values in the words of tandemctl.

function threeDigits(value) {
  return String(Number(value.toPrecision(3)));
}

// "820us", "414ms", "3.41s", "3m 12s", "5h 7m", "2d 3h"
function durationText(seconds) {
  const s = Math.max(seconds, 0);
  if (s === 0) return '0s';
  if (s < 0.0009995) return threeDigits(s * 1e6) + 'us';
  if (s < 0.9995) return threeDigits(s * 1e3) + 'ms';
  if (s < 59.95) return threeDigits(s) + 's';
  const whole = Math.round(s);
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h ${Math.floor(whole % 3600 / 60)}m`;
  return `${Math.floor(whole / 86400)}d ${Math.floor(whole % 86400 / 3600)}h`;
}

// "1.23M"; null: "-"
function shortNumber(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return '-';
  for (const [size, letter] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']])
    if (value >= size * 0.9995) return threeDigits(value / size) + letter;
  return threeDigits(value);
}

// 12345 as "12,345"
const count = (value) => value.toLocaleString('en');
const bits = (bytesPerSecond) => bytesPerSecond === null ? null : bytesPerSecond * 8;
// "1.2 Mb/s"
function bitText(bytesPerSecond) {
  const text = shortNumber(bits(bytesPerSecond));
  if (text === '-') return text;
  return /[kMGT]$/.test(text) ? `${text.slice(0, -1)} ${text.slice(-1)}b/s` : `${text} b/s`;
}

function endpointText(address, port) {
  return (address.includes(':') ? `[${address}]` : address) + ':' + port;
}

// A sign, a word and a class for each state: the sign is for those who see no colours.
const STATES = {
  Active: ['●', 'Active (master)', 'active'],
  Backup: ['○', 'Backup', 'backup'],
  Fault: ['✕', 'Fault', 'fault'],
  Initialize: ['…', 'Initialize', 'backup'],
  up: ['●', 'up', 'good'],
  draining: ['◐', 'draining', 'warn'],
  down: ['✕', 'down', 'bad'],
  unknown: ['…', 'unknown', 'warn'],
};
function setBadge(badge, state) {
  const [sign, word] = STATES[state] ?? ['?', state];
  if (badge.state === state) return;
  badge.state = state;
  const mark = element('span', '', sign);
  mark.setAttribute('aria-hidden', 'true');
  badge.replaceChildren(mark, element('span', '', word));
}

// What happened, as `tandemctl events` words it: [about, text, class].
function eventText(event) {
  switch (event.kind) {
    case 'transition': {
      const peer = event.peer ? ` (${event.peer.address}, priority ${event.peer.priority})` : '';
      const to = (STATES[event.to] ?? ['', event.to])[1];
      const tint = {Active: 'good', Fault: 'bad'}[event.to] ?? '';
      return [event.router, `${event.from} → ${to}: ${event.cause}${peer}`, tint];
    }
    case 'dropped_advert':
      return [event.interface, `advert dropped: ${event.reason}` +
        (event.source ? `, from ${event.source}` : '') +
        (event.vrid === null ? '' : `, VRID ${event.vrid}`), 'warn'];
    case 'notify':
      return [event.router, `notify ${event.state}: ${event.outcome}`, event.good ? '' : 'bad'];
    case 'check':
      return [event.check, `check ${event.up ? 'up' : 'down'}: ${event.why}`,
        event.up ? 'good' : 'bad'];
    case 'address':
      return [event.interface, `${event.address} ${event.what}`, 'warn'];
    case 'notice':
      return ['', event.text, ''];
    default:  // of a newer daemon
      return ['', event.kind, ''];
  }
}
