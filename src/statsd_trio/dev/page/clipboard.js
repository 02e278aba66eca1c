// Copying, with a button that says that it has.
import { Component, html } from "/page/html.js";

/** Copy *text*; also where the page is not on a loopback address. */
export async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  if (!isCopied) throw new Error("the browser did not let the page copy");
}

export class CopyButton extends Component {
  constructor() {
    super();
    this.state = { said: "" };
    this.timer = 0;
  }

  componentWillUnmount() {
    clearTimeout(this.timer);
  }

  async copy(text) {
    try {
      await copyText(text);
      this.setState({ said: "Copied" });
    } catch {
      this.setState({ said: "Not allowed" });
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.setState({ said: "" }), 1500);
  }

  render({ text, label, title, id, className = "button" }, { said }) {
    return html`<button
      type="button"
      id=${id}
      class=${className}
      title=${title}
      onClick=${() => this.copy(text)}
    >
      <span aria-live="polite">${said || label}</span>
    </button>`;
  }
}

/** A line or more to copy, in a box. */
export function CopyBox({ text, label = "Copy" }) {
  return html`<div class="copy-box">
    <pre tabindex="0" role="group" aria-label="To copy">${text}</pre>
    <${CopyButton} text=${text} label=${label} title="Copy to the clipboard" />
  </div>`;
}
