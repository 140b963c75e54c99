import { make } from "./dom.js";

/** Shows a picture, else the name's first letter on one of eight colours, the same for the same person everywhere. */
export function paintAvatar(element, { id, username, avatar }) {
  const [initial = "?"] = username;
  element.dataset.colour = [...id].reduce((sum, character) => (sum * 31 + character.codePointAt(0)) % 8, 7);
  element.replaceChildren(avatar ? make("img", { src: avatar, alt: "" }) : initial.toLocaleUpperCase());
}
