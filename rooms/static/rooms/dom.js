/** Makes elements without markup in texts, so that a page whose policy forbids to parse markup can show them. */

const SVG = "http://www.w3.org/2000/svg";

/** An element with these attributes and children; an attribute that is false is left out, one that is true is empty. */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** A picture of one path on a field of 24 by 24; it says nothing to readers aloud. */
export function icon(path) {
  const line = fill(document.createElementNS(SVG, "path"), { d: path });
  return fill(document.createElementNS(SVG, "svg"), { viewBox: "0 0 24 24", "aria-hidden": "true" }, [line]);
}

function fill(element, attributes, children = []) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}
