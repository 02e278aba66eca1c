// What every part of the page is drawn with. All text goes in as text nodes: there
// is no way here to write markup that came from a client.
import htm from "/page/vendor/htm.mjs";
import { Component, createRef, h, render } from "/page/vendor/preact.mjs";

export const html = htm.bind(h);
export { Component, createRef, render };
