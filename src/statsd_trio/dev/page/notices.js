// What concerns all views: a pause, a lost server, what was forgotten, the program.
import { html } from "/page/html.js";
import { formatAmount } from "/page/numbers.js";

export function Notices({ server, isLinked, error }) {
  const notices = list(server, isLinked, error);
  return html`<div class="notices" role="status">
    ${notices.map(
      ([kind, text]) => html`<p key=${text} class=${`notice is-${kind}`}>${text}</p>`,
    )}
  </div>`;
}

function list(server, isLinked, error) {
  const notices = [];
  if (error) notices.push(["bad", error]);
  if (isLinked === false) {
    notices.push([
      "warn",
      "The server does not answer. The page goes on as soon as it is back.",
    ]);
  }
  if (!server) return notices;
  if (server.paused) {
    notices.push([
      "info",
      "Paused: the server receives on, and the page stands still. " +
        (server.missed_lines
          ? `${formatAmount(server.missed_lines, "line")} came meanwhile and will not be shown.`
          : "What comes meanwhile will not be shown."),
    ]);
  }
  if (server.unmeasured_lines) {
    notices.push([
      "warn",
      `${formatAmount(server.unmeasured_lines, "line")} came faster than the page ` +
        "can measure: the server aggregated them, and the figures here lack them.",
    ]);
  }
  const { history, child } = server;
  if (history.forgot) notices.push(["warn", history.forgot]);
  if (history.untracked_lines) {
    notices.push([
      "warn",
      `${formatAmount(history.untracked_lines, "line")} of contexts beyond what the ` +
        "page remembers were received but have no history.",
    ]);
  }
  if (child && child.exit_code !== null) {
    const isGood = child.exit_code === 0;
    notices.push([
      isGood ? "info" : "bad",
      `${child.command} ended with exit code ${child.exit_code}.`,
    ]);
  }
  return notices;
}
