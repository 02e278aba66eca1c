// What the list shows before the first metric: how to send one.
import { html } from "/page/html.js";
import { CopyBox } from "/page/clipboard.js";

export function Welcome({ server }) {
  const address = server?.addresses?.[0] ?? "";
  const { DD_AGENT_HOST: host, DD_DOGSTATSD_PORT: port } = server?.client ?? {};
  return html`<div class="welcome">
    <h2>No metric has come yet</h2>
    <p>
      ${address ? html`Listening on <code>${address}</code>. ` : ""}Send one from a
      shell, and it stands here within a second:
    </p>
    ${
      host
        ? html`<${CopyBox}
            text=${`statsd-trio send ${joinAddress(host, port)} 'page.views:1|c|#page:home'`}
          />`
        : html`<p class="faint">
            Nothing listens on UDP here; send to one of the addresses above.
          </p>`
    }
    ${
      host &&
      html`
        <h3>From Python, with Datadog’s client</h3>
        <${CopyBox}
          text=${`from datadog import initialize, statsd

initialize(statsd_host="${host}", statsd_port=${port})
statsd.increment("page.views", tags=["page:home"])
statsd.histogram("page.seconds", 0.2)`}
        />
        <h3>From a program that reads its environment</h3>
        <${CopyBox} text=${`export DD_AGENT_HOST=${host} DD_DOGSTATSD_PORT=${port}`} />
        <p>
          Or let it be started with all of that set:${" "}
          <code>statsd-trio dev -- python app.py</code>
        </p>
      `
    }
  </div>`;
}

function joinAddress(host, port) {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
