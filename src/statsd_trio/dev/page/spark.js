// Five minutes in the space of a word.
import { Component, html } from "/page/html.js";

const WIDTH = 120;
const HEIGHT = 20;

export class Spark extends Component {
  shouldComponentUpdate(next) {
    return next.values.join() !== this.props.values.join();
  }

  render({ values: all }) {
    // The last step is not over, so its rate would look like a fall.
    const values = all.slice(0, -1).some((value) => value !== null)
      ? all.slice(0, -1)
      : all;
    const most = Math.max(...values.map((value) => value ?? 0));
    const step = WIDTH / (values.length - 1);
    const runs = [];
    let run = [];
    values.forEach((value, index) => {
      if (value === null) {
        run = [];
        return;
      }
      if (!run.length) runs.push(run);
      const y = HEIGHT - 1 - (most ? (value / most) * (HEIGHT - 3) : 0);
      run.push(`${(index * step).toFixed(1)},${y.toFixed(1)}`);
    });
    const area = runs
      .filter((points) => points.length > 1)
      .map((points) => {
        const [from] = points[0].split(",");
        const [to] = points[points.length - 1].split(",");
        return `M${from},${HEIGHT} L${points.join(" L")} L${to},${HEIGHT} Z`;
      })
      .join(" ");
    // A point alone is a short line, which round ends make a dot.
    const line = runs.map((points) => `M${points.join(" L")} h0.1`).join(" ");
    return html`<svg
      class="spark"
      viewBox=${`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path class="spark-area" d=${area} />
      <path class="spark-line" d=${line} />
    </svg>`;
  }
}
