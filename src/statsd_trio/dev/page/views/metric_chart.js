// The chart of one metric, and what one chooses about it.
import { html } from "/page/html.js";
import { Chart } from "/page/chart.js";
import { Choice } from "/page/words.js";

const MINUTES = [
  ["1", "1 min"],
  ["5", "5 min"],
  ["30", "30 min"],
];
const BAND = ["max", "p99", "p95", "p50"];

export function ChartPanel({ app, place, doc }) {
  const { chart } = doc;
  const hasBand = chart.figures.includes("p50");
  const figure = chooseFigure(place, chart);
  const isBand = hasBand && figure === "band";
  const lines = isBand ? listBand(chart) : listSeries(chart, figure);
  return html`<section class="panel chart-panel">
    <header>
      <${Choice}
        label="Time"
        options=${MINUTES}
        value=${place.minutes}
        onPick=${(minutes) => app.refine({ minutes })}
      />
      ${
        chart.figures.length > 1 &&
        html`<${Choice}
          label="Figure"
          options=${listFigures(chart)}
          value=${figure}
          onPick=${(picked) => app.refine({ figure: picked })}
        />`
      }
      ${
        doc.types.length > 1 &&
        html`<${Choice}
          label="Type"
          options=${doc.types.map((type) => [type, type])}
          value=${chart.type}
          onPick=${(type) => app.refine({ type })}
        />`
      }
      <label class="split"
        >Split by
        <select
          value=${place.by}
          disabled=${!doc.tag_keys.length}
          onChange=${(event) => app.refine({ by: event.target.value, figure: "" })}
        >
          <option value="">nothing</option>
          ${doc.tag_keys.map(
            ({ key, values }) =>
              html`<option key=${key} value=${key}>${key} (${values})</option>`,
          )}
        </select>
      </label>
    </header>
    <${Chart}
      label=${`Chart of ${doc.name}`}
      shape=${[chart.type, figure, chart.by, ...lines.map((line) => line.label)].join("\n")}
      times=${chart.times}
      lines=${lines}
      band=${isBand ? [0, lines.length - 1] : null}
      hasBars=${figure === "count" && lines.length === 1}
      start=${chart.start}
      end=${chart.end}
      step=${chart.step_seconds}
    />
    ${
      (chart.note || chart.left_out > 0) &&
      html`<p class="note">
        ${
          chart.left_out > 0 &&
          `The ${chart.series.length} most active are shown, ${chart.left_out} more are not. `
        }
        ${chart.note}
      </p>`
    }
  </section>`;
}

function chooseFigure(place, chart) {
  const choices = listFigures(chart).map(([key]) => key);
  return choices.includes(place.figure) ? place.figure : choices[0];
}

function listFigures(chart) {
  const hasBand = chart.figures.includes("p50");
  const figures = hasBand ? ["p50", "p95", "p99", "max", "count"] : [...chart.figures];
  // Bands of several values would hide each other.
  if (hasBand && !chart.by) figures.unshift("band");
  return figures.map((figure) => [figure, figure === "band" ? "p50 – max" : figure]);
}

function listBand(chart) {
  const series = chart.series[0] ?? {};
  return BAND.map((figure) => ({
    label: figure,
    shade: `--${figure}`,
    values: series[figure] ?? [],
  }));
}

function listSeries(chart, figure) {
  return chart.series.map((series) => ({
    label: series.label || figure,
    values: series[figure],
  }));
}
