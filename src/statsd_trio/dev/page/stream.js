// One stream of documents from the server: opened anew for each question, silent
// while nobody looks, and tried again until the server is back.

const RETRY_MILLISECONDS = 1000;
// Who types or scrolls asks for much in a moment, and means the last of it.
const PATIENCE_MILLISECONDS = 30;

export class Stream {
  /**
   * @param {{document: Function, state: Function, gone: Function, link: Function}}
   *   heard: called with each document, the state, what is not known, and whether
   *   the server is there.
   */
  constructor(heard) {
    this.heard = heard;
    this.request = null;
    this.source = null;
    this.retry = 0;
    document.addEventListener("visibilitychange", () => this.follow());
  }

  /** Ask for something else. */
  ask(request) {
    if (request === this.request) return;
    this.request = request;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.follow(), PATIENCE_MILLISECONDS);
  }

  follow() {
    this.close();
    if (document.hidden || this.request === null) return;
    const request = this.request;
    const view = new URLSearchParams(request).get("view");
    const source = new EventSource(`/api/stream?${request}`);
    this.source = source;
    source.addEventListener("open", () => this.heard.link(true));
    source.addEventListener("state", (event) =>
      this.heard.state(JSON.parse(event.data)),
    );
    source.addEventListener(view, (event) =>
      this.heard.document(view, request, JSON.parse(event.data)),
    );
    source.addEventListener("gone", (event) =>
      this.heard.gone(JSON.parse(event.data).error),
    );
    source.addEventListener("error", () => {
      if (source !== this.source) return;
      this.heard.link(false);
      // A browser tries again by itself after a lost connection, not after an error status.
      if (source.readyState === EventSource.CLOSED) {
        this.retry = setTimeout(() => this.follow(), RETRY_MILLISECONDS);
      }
    });
  }

  close() {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
  }
}

/** Change something on the server; the answer is its new state. */
export async function change(action) {
  const answer = await fetch(`/api/${action}`, { method: "POST" });
  if (!answer.ok) throw new Error(`the server refused to ${action}: ${answer.status}`);
  return answer.json();
}
