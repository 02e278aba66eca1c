// A chart of one metric, which takes new figures without being drawn anew.
import { Component, createRef, html } from "/page/html.js";
import { formatValue } from "/page/numbers.js";
import { isNarrow } from "/page/screen.js";
import uPlot from "/page/vendor/uPlot.mjs";

const HEIGHT = 240;
const COLOURS = 8;
// A line goes on over what is missing for so many steps; a longer gap is shown.
const BRIDGED_STEPS = 15;
const DASHES = [[], [6, 3], [2, 3]];

/**
 * Props: times, lines ([{label, values}]), band ([upper, lower] indices or null),
 * hasBars, start, end, step, shape (a text: another one draws the chart anew).
 */
export class Chart extends Component {
  constructor() {
    super();
    this.box = createRef();
    this.plot = null;
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.repaint = () => this.draw();
  }

  componentDidMount() {
    this.scheme.addEventListener("change", this.repaint);
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.box.current);
    this.draw();
  }

  componentWillUnmount() {
    this.scheme.removeEventListener("change", this.repaint);
    this.watcher.disconnect();
    this.plot?.destroy();
  }

  componentDidUpdate(before) {
    if (before.shape !== this.props.shape) this.draw();
    else this.plot.setData(this.data());
    this.showLast();
  }

  /** Where nobody points at a time, the legend has the newest figures. */
  showLast() {
    const { times, lines } = this.props;
    if (this.plot.cursor.left >= 0) return;
    let idx = times.length - 1;
    const isEmpty = (index) =>
      lines.every((line) => (line.values[index] ?? null) === null);
    while (idx > 0 && isEmpty(idx)) idx -= 1;
    this.plot.setLegend({ idx });
  }

  data() {
    return [this.props.times, ...this.props.lines.map((line) => line.values)];
  }

  resize() {
    const width = this.box.current.clientWidth;
    if (this.plot && width && width !== this.plot.width) {
      this.plot.setSize({ width, height: HEIGHT });
    }
  }

  draw() {
    this.plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--muted"),
      font: `11px ${colour("--sans")}`,
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { stroke: colour("--line"), width: 1, size: 4 },
    };
    const { lines, band, hasBars } = this.props;
    const options = {
      width: this.box.current.clientWidth || 600,
      height: HEIGHT,
      padding: [8, 8, 0, 0],
      cursor: { points: { size: 7 }, drag: { x: false, y: false } },
      legend: { markers: { width: 2 } },
      scales: {
        x: { range: () => [this.props.start, this.props.end] },
        y: { range: (_, low, high) => rangeOf(low, high, hasBars) },
      },
      axes: [
        {
          ...axis,
          values: (_, marks) => marks.map(formatMark),
          space: isNarrow() ? 56 : 90,
          size: 28,
        },
        { ...axis, values: (_, marks) => marks.map(formatValue), size: 62 },
      ],
      series: [
        { label: "time", value: (_, time) => (time === null ? "–" : formatMark(time)) },
        ...lines.map((line, index) => this.describe(line, index, colour, hasBars)),
      ],
    };
    if (band) {
      options.bands = [
        { series: band.map((index) => index + 1), fill: colour("--band") },
      ];
    }
    this.plot = new uPlot(options, this.data(), this.box.current);
    this.makeLegendReachable();
    this.showLast();
  }

  describe({ label, shade }, index, colour, hasBars) {
    const stroke = colour(shade ?? `--series-${(index % COLOURS) + 1}`);
    return {
      label,
      stroke,
      width: 1.5,
      dash: DASHES[Math.floor(index / COLOURS) % DASHES.length],
      value: (_, value) => formatValue(value),
      points: { size: 4, fill: stroke },
      ...(hasBars
        ? { fill: stroke, paths: uPlot.paths.bars({ size: [0.7, 14] }) }
        : { gaps: (plot, ...rest) => this.keepLongGaps(plot, rest[3]) }),
    };
  }

  keepLongGaps(plot, gaps) {
    const { start, step } = this.props;
    const pixels =
      plot.valToPos(start + BRIDGED_STEPS * step, "x", true) -
      plot.valToPos(start, "x", true);
    return gaps.filter(([from, to]) => to - from > pixels);
  }

  makeLegendReachable() {
    const heads = this.box.current.querySelectorAll(".u-legend th");
    // uPlot hides a line when its name is clicked; the keyboard is to do it, too.
    for (const head of [...heads].slice(1)) {
      head.tabIndex = 0;
      head.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        event.stopPropagation();
        head.click();
      });
    }
  }

  render({ label }) {
    return html`<div
      class="chart"
      ref=${this.box}
      role="group"
      aria-label=${label}
    ></div>`;
  }
}

function rangeOf(low, high, hasBars) {
  if (low === null || high === null) return [0, 1];
  if (low >= 0) {
    // A value far from nothing is seen better without nothing in the picture.
    const isFar = !hasBars && high > low && (high - low) / high < 0.1;
    const margin = (high - low) * 0.1;
    return isFar ? [low - margin, high + margin] : [0, high * 1.08 || 1];
  }
  const margin = (high - low || 1) * 0.08;
  return [low - margin, high + margin];
}

function formatMark(seconds) {
  const date = new Date(seconds * 1000);
  const two = (number) => String(number).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
