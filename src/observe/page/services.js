// SPDX-License-Identifier: Apache-2.0
// A card for each service, with its backends. The filter chooses services by their name or address,
// and else the backends that hold it.

const CARDS = 60;  // services shown at most: the filter finds the others

function makeService() {
  const card = element('article', 'card service');
  card.name = element('h3');
  card.about = element('p', 'faint');
  card.badge = element('p', 'badge');
  card.figures = element('div', 'figures');
  card.plot = makePlot(2);
  card.note = element('p', 'note warn');
  card.backends = makeBackends();
  card.append(
    element('div', 'service-head', element('div', '', card.name, card.about), card.badge),
    element('div', 'figures-row', card.figures, card.plot), card.note, card.backends);
  return card;
}

function figuresOf(service, past) {
  const rate = (name) => past.rate(`service ${service.name} ${name}`);
  const figures = [];
  if (service.scheduler !== null) {
    const {up, draining, down} = service.backends;
    figures.push(['backends up', `${up} of ${up + draining + down}`],
      ['active', count(service.flows.active)], ['new/s', shortNumber(service.new_per_second)]);
  }
  figures.push(['packets/s in', shortNumber(rate('packets_in'))], ['in', bitText(rate('bytes_in'))],
    ['out', bitText(rate('bytes_out'))]);
  if (service.refused > 0) figures.push(['refused', count(service.refused)]);
  return figures;
}

function makeFigure() {
  return element('div', '', element('b'), element('span'));
}

// In words: whether clients reach the service here, and what becomes of them.
function leaseText(service) {
  return service.lease ? ['● answered by this node', 'badge good'] : ['○ address is not here', 'badge faint'];
}
function aboutText(service) {
  const where = `${endpointText(service.address, service.port)}/${service.protocol}`;
  return service.scheduler === null ? `${where} to this node's own Nginx`
    : `${where} by ${service.forward}, ${service.scheduler}${service.before_forward ? ', synced before forwarding' : ''}`;
}

function updateService(card, {service, backends, all}, past) {
  setClass(card, all.length > MAP_ABOVE ? 'card service wide' : 'card service');
  setAttribute(card, 'data-service', service.name);
  setText(card.name, service.name);
  setText(card.about, aboutText(service));
  const [text, name] = leaseText(service);
  setText(card.badge, text);
  setClass(card.badge, name);
  fill(card.figures, figuresOf(service, past), ([label]) => label, makeFigure, (figure, [label, value]) => {
    setText(figure.firstChild, value);
    setText(figure.lastChild, label);
  });
  const [into, out] = ['packets_in', 'packets_out'].map(
    (counter) => past.plots.get(`service ${service.name} ${counter}`));
  drawPlot(card.plot, `packets a second of ${service.name}`, into, out);
  setText(card.note, service.note ?? '');
  setHidden(card.note, !service.note);
  setHidden(card.backends, service.scheduler === null);
  if (service.scheduler !== null) updateBackends(card.backends, backends, all);
}

// [{service, backends (that the filter leaves), all}], without those it leaves nothing of; those
// of this node's own Nginx, which have no backends, come last.
function chosen(told, filter) {
  const word = filter.trim().toLowerCase();
  const byService = new Map(told.services.services.map((service) => [service.name, []]));
  for (const b of told.backends.backends) byService.get(b.service)?.push(b);
  const result = [];
  for (const service of told.services.services) {
    const all = byService.get(service.name);
    const about = `${service.name} ${aboutText(service)}`.toLowerCase();
    const backends = about.includes(word) ? all
      : all.filter((b) => `${backendKey(b)} ${b.state} ${b.why}`.toLowerCase().includes(word));
    if (backends.length > 0 || about.includes(word)) result.push({service, backends, all});
  }
  const local = ({service}) => service.scheduler === null;
  return [...result.filter((item) => !local(item)), ...result.filter(local)];
}

function updateServices(told, past) {
  const parent = byId('services');
  parent.list ??= parent.appendChild(element('div', 'cards'));
  const found = chosen(told, byId('filter').value);
  const none = told.services.services.length ? 'No service or backend holds that text.'
    : 'No service is configured.';
  const note = found.length === 0 ? none
    : found.length > CARDS ? `${CARDS} of ${found.length} services; filter to see others.` : '';
  const rest = parent.note ??= parent.appendChild(element('p', 'faint'));
  setText(rest, note);
  setHidden(rest, !note);
  fill(parent.list, found.slice(0, CARDS), (item) => item.service.name, makeService,
    (card, item) => updateService(card, item, past));
}

// Plots go on also for services that the filter hides.
function plotServices(told, past) {
  for (const service of told.services.services)
    for (const counter of ['packets_in', 'packets_out']) {
      const key = `service ${service.name} ${counter}`;
      past.plot(key, past.rate(key));
    }
}
