// @ts-check
/** Finding and making pieces of the document. */

/** @param {string} name a `data-testid` @param {ParentNode} [within] @returns {any} */
export function part(name, within = document) {
  const found = within.querySelector(`[data-testid="${name}"], [data-part="${name}"]`);
  if (!found) throw new Error(`the page has no part ${name}`);
  return found;
}

/**
 * @param {string} tag
 * @param {string} className
 * @param {{[name: string]: string}} [data] `data-` attributes
 * @returns {any}
 */
export function make(tag, className, data = {}) {
  const element = document.createElement(tag);
  element.className = className;
  Object.assign(element.dataset, data);
  return element;
}

/** Set a text without touching the document when it stands there already. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {number} ms @returns {string} such as 2:14 or 1:02:14 */
export function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  if (minutes < 60) return `${two(minutes)}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}
