// A table of any length, of which only the rows in sight are in the document.
import { Component, createRef, html } from "/page/html.js";

const MARGIN_ROWS = 20;
// The window moves in steps, so that a small scroll asks for nothing new.
const STEP_ROWS = 20;
const MOST_ROWS = 200;

/**
 * Props: id, label, total, offset, rows (those of the server from offset on),
 * rowHeight, height (in pixels, where it has its own), columns (key, title, sort, className), cells(row) -> array,
 * rowKey(row), selected (index), onSelect(index), onOpen(row), onWindow({offset,
 * limit}), sort, order, onSort(sort).
 */
export class List extends Component {
  constructor() {
    super();
    this.box = createRef();
    this.state = { top: 0, height: 600 };
    this.scrolled = () => this.measure();
    this.wanted = "";
  }

  componentDidMount() {
    this.watcher = new ResizeObserver(this.scrolled);
    this.watcher.observe(this.box.current);
    this.measure();
  }

  componentWillUnmount() {
    this.watcher.disconnect();
  }

  componentDidUpdate(before) {
    const { selected, rowHeight, total } = this.props;
    const isNew = selected !== before.selected || (total > 0 && before.total === 0);
    if (isNew && selected >= 0) {
      const box = this.box.current;
      const space = box.clientHeight - this.headHeight();
      const top = selected * rowHeight;
      if (top < box.scrollTop) box.scrollTop = top;
      else if (top + rowHeight > box.scrollTop + space) {
        box.scrollTop = top + rowHeight - space;
      }
    }
    this.tell();
  }

  headHeight() {
    return this.box.current.querySelector(".list-head").offsetHeight;
  }

  measure() {
    const box = this.box.current;
    const { top, height } = this.state;
    if (box.scrollTop !== top || box.clientHeight !== height) {
      this.setState({ top: box.scrollTop, height: box.clientHeight });
    }
    this.tell();
  }

  /** Say which rows should come from the server. */
  tell() {
    const box = this.box.current;
    const first = Math.floor(box.scrollTop / this.props.rowHeight) - MARGIN_ROWS;
    const count = Math.ceil(box.clientHeight / this.props.rowHeight);
    const offset = Math.max(0, Math.floor(first / STEP_ROWS) * STEP_ROWS);
    const limit = Math.min(
      MOST_ROWS,
      Math.ceil((count + 2 * MARGIN_ROWS + STEP_ROWS) / STEP_ROWS) * STEP_ROWS,
    );
    const wanted = `${offset}/${limit}`;
    if (wanted !== this.wanted) {
      this.wanted = wanted;
      this.props.onWindow({ offset, limit });
    }
  }

  render(props, { top, height }) {
    const { id, label, total, offset, rows, rowHeight, columns, selected } = props;
    const first = Math.max(0, Math.floor(top / rowHeight) - 4);
    const last = Math.min(total, Math.ceil((top + height) / rowHeight) + 4);
    const shown = [];
    for (let index = first; index < last; index += 1) {
      shown.push(this.renderRow(index, rows[index - offset]));
    }
    return html`<div
      class=${`list list-${id}`}
      id=${id}
      ref=${this.box}
      style=${props.height ? { height: `${props.height}px` } : {}}
      onScroll=${this.scrolled}
      role="grid"
      tabindex="0"
      aria-label=${label}
      aria-rowcount=${total + 1}
      aria-colcount=${columns.length}
      aria-activedescendant=${
        selected >= first && selected < last ? `${id}-${selected}` : undefined
      }
    >
      <div class="list-head list-row" role="row" aria-rowindex="1">
        ${columns.map((column) => this.renderHead(column))}
      </div>
      <div
        class="list-body"
        role="rowgroup"
        style=${{ height: `${total * rowHeight}px` }}
      >
        <div
          class="list-window"
          role="none"
          style=${{ transform: `translateY(${first * rowHeight}px)` }}
        >
          ${shown}
        </div>
      </div>
    </div>`;
  }

  renderHead({ key, title, sort, className = "" }) {
    if (!sort) {
      return html`<span key=${key} role="columnheader" class=${`cell ${className}`}
        >${title}</span
      >`;
    }
    const isSorted = this.props.sort === sort;
    const direction = this.props.order === "desc" ? "descending" : "ascending";
    return html`<span
      key=${key}
      role="columnheader"
      class=${`cell ${className}`}
      aria-sort=${isSorted ? direction : "none"}
    >
      <button type="button" class="sort" onClick=${() => this.props.onSort(sort)}>
        ${title}<i aria-hidden="true"
          >${isSorted ? (direction === "descending" ? "▾" : "▴") : ""}</i
        >
      </button>
    </span>`;
  }

  renderRow(index, row) {
    const { id, columns, rowHeight, selected, cells, rowKey } = this.props;
    const isSelected = index === selected;
    const content = row ? cells(row) : [];
    return html`<div
      key=${row ? rowKey(row) : `waiting-${index}`}
      id=${`${id}-${index}`}
      class=${isSelected ? "list-row is-selected" : "list-row"}
      role="row"
      aria-rowindex=${index + 2}
      aria-selected=${isSelected ? "true" : "false"}
      style=${{ height: `${rowHeight}px` }}
      onClick=${(event) => {
        // A link opens in a new tab by itself, and a selection is to be copied.
        if (event.target.closest("a, button") || !row) return;
        if (String(window.getSelection())) return;
        this.props.onSelect(index);
        this.props.onOpen?.(row);
      }}
    >
      ${columns.map(
        ({ key, className = "" }, column) =>
          html`<span key=${key} role="gridcell" class=${`cell ${className}`}
            >${row ? content[column] : ""}</span
          >`,
      )}
    </div>`;
  }
}
