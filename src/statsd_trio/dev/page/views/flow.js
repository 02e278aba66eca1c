// The ledger as a picture of the pipeline, with each loss where it happened.
import { html } from "/page/html.js";
import { formatCount, formatRate } from "/page/numbers.js";

export function FlowView({ doc }) {
  if (!doc) return null;
  return html`<div class="scroll flow-view" tabindex="0" role="group" aria-label="Flow">
    ${
      doc.good_news
        ? html`<p class="summary is-good">
            <b>Nothing was lost.</b> Every packet, line and value that came is accounted
            for.
          </p>`
        : html`<p class="summary is-bad">
            <b>${formatCount(doc.lost)} lost.</b> Each loss stands below, at the stage
            where it happened.
          </p>`
    }
    <ol class="flow">
      ${doc.stages.map(
        (stage) =>
          html`<li key=${stage.id} class=${hasLoss(stage) ? "stage is-bad" : "stage"}>
            <h3>${stage.title}</h3>
            <p class="stage-count"><b>${formatCount(stage.count)}</b> ${stage.unit}</p>
            <p class="faint">
              ${
                stage.per_second === undefined || stage.per_second === null
                  ? "\u00a0"
                  : `${formatRate(stage.per_second)} a second`
              }
            </p>
            ${renderParts(stage)} ${renderLosses(stage)}
          </li>`,
      )}
    </ol>
    <details class="ledger">
      <summary>The whole ledger</summary>
      <pre tabindex="0" role="group" aria-label="Ledger">
${JSON.stringify(doc.ledger, null, 2)}</pre>
    </details>
  </div>`;
}

function hasLoss(stage) {
  return stage.losses.some((loss) => loss.count > 0);
}

function renderParts(stage) {
  if (!stage.parts.length) return null;
  return html`<dl class="parts">
    ${stage.parts.map(
      (part) =>
        html`<div key=${part.name}>
          <dt title=${part.name}>${part.name}</dt>
          <dd>${formatCount(part.count)}</dd>
          ${part.failure && html`<dd class="failure">${part.failure}</dd>`}
        </div>`,
    )}
  </dl>`;
}

function renderLosses(stage) {
  const losses = stage.losses.filter((loss) => loss.count > 0);
  if (!losses.length) {
    const ways = stage.losses.map((loss) => loss.text).join("; ");
    return html`<p class="no-loss" title=${ways && `None was ${ways}.`}>
      ✓ nothing lost here
    </p>`;
  }
  return html`<ul class="losses">
    ${losses.map(
      (loss) =>
        html`<li key=${loss.reason}>
          <b>${formatCount(loss.count)} ${loss.unit}</b> ${loss.text}
        </li>`,
    )}
  </ul>`;
}
