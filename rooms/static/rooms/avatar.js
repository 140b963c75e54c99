/** Fills an avatar: the name's first letter on one of eight colours, the same for the same person everywhere. */
export function paintAvatar(element, { id, username }) {
  const [initial = "?"] = username;
  element.textContent = initial.toLocaleUpperCase();
  element.dataset.colour = [...id].reduce((sum, character) => (sum * 31 + character.codePointAt(0)) % 8, 7);
}
