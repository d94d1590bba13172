// SPDX-License-Identifier: Apache-2.0
// How fast counters went, from one document to the next, and what that was over the last minutes.
// All of it is kept here, in the page: the daemon keeps counters only.

const KEPT = 300;    // samples of a plot: five minutes at one a second
const FEWEST = 60;  // that a plot has room for from the beginning

class Past {
  constructor() {
    this.before = null;     // counters by name, of the document before
    this.at = 0;            // its instant, by the node's own clock, in seconds
    this.now = new Map();   // rates by name
    this.plots = new Map();
  }

  // `counters`: a Map. A counter that went back belongs to a daemon that began anew: no rate.
  take(seconds, counters) {
    const between = seconds - this.at;
    if (this.before && between === 0) return;  // the same document again
    this.now = new Map();
    if (this.before && between > 0)
      for (const [name, value] of counters) {
        const earlier = this.before.get(name);
        if (earlier !== undefined && value >= earlier)
          this.now.set(name, (value - earlier) / between);
      }
    this.before = counters;
    this.at = seconds;
  }

  // null: not known
  rate(name) {
    return this.now.get(name) ?? null;
  }

  // Adds to the values of a plot, and gives them.
  plot(name, value) {
    let values = this.plots.get(name);
    if (!values) this.plots.set(name, values = []);
    values.push(value);
    if (values.length > KEPT) values.shift();
    return values;
  }
}

const SVG = 'http://www.w3.org/2000/svg';
const PLOT_WIDTH = 100, PLOT_HEIGHT = 30;

// `lines`: 1, or 2 on the same scale.
function makePlot(lines = 1) {
  const plot = document.createElementNS(SVG, 'svg');
  plot.setAttribute('class', 'plot');
  plot.setAttribute('viewBox', `0 0 ${PLOT_WIDTH} ${PLOT_HEIGHT}`);
  plot.setAttribute('preserveAspectRatio', 'none');
  plot.setAttribute('role', 'img');
  const path = (name) => {
    const made = document.createElementNS(SVG, 'path');
    made.setAttribute('class', name);
    plot.append(made);
    return made;
  };
  plot.area = path('area');
  plot.lines = ['first', 'second'].slice(0, lines).map(path);
  return plot;
}

// How far apart samples are, so that the newest is at the right edge.
function stepOf(values) {
  return PLOT_WIDTH / (Math.max(values.length, FEWEST) - 1);
}

// A gap where a value is null.
function pathOf(values, highest) {
  const step = stepOf(values);
  let path = '', pen = 'M';
  values.forEach((value, i) => {
    if (value === null) {
      pen = 'M';
      return;
    }
    const x = PLOT_WIDTH - (values.length - 1 - i) * step;
    const y = PLOT_HEIGHT - 1 - value / highest * (PLOT_HEIGHT - 2);
    path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = 'L';
  });
  return path;
}

// `series`: as many as the plot has lines.
function drawPlot(plot, name, ...series) {
  const highest = Math.max(1e-9, ...series.flat().map((value) => value ?? 0));
  series.forEach((values, i) => setAttribute(plot.lines[i], 'd', pathOf(values, highest)));
  const first = pathOf(series[0].map((value) => value ?? 0), highest);
  const begins = PLOT_WIDTH - (series[0].length - 1) * stepOf(series[0]);
  setAttribute(plot.area, 'd', `${first}L${PLOT_WIDTH} ${PLOT_HEIGHT}L${begins.toFixed(1)} ${PLOT_HEIGHT}Z`);
  setAttribute(plot, 'aria-label', `${name}, highest of the last minutes: ${shortNumber(highest < 1e-6 ? 0 : highest)}`);
}
