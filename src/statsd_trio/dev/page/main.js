import { html, render } from "/page/html.js";
import { App } from "/page/app.js";

render(html`<${App} />`, document.getElementById("page"));
