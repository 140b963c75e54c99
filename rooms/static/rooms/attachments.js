/** The files of a message: images as thumbnails, sounds and films with a player, all others as links with their size. */

import { make } from "./dom.js";

const KINDS = ["image", "audio", "video"]; // that are shown in place
const SHOWN_PX = 320; // the longer side of an image

/** The element below the text of a message that has files; none of any other. */
export function attachmentNodes({ attachments = [] }, configuration) {
  if (!attachments.length) return [];
  return [make("ul", { class: "files" }, ...attachments.map((file) => make("li", {}, shown(file, configuration))))];
}

function shown(file, configuration) {
  const kind = KINDS.find((candidate) => file.contentType.startsWith(candidate));
  if (kind === "image") return image(file);
  const link = make("a", { class: "file", href: file.url, target: "_blank", rel: "noopener" }, make("bdi", {}, file.name));
  link.append(make("span", { class: "file-size" }, ` ${configuration.sayBytes(file.size)}`));
  if (!kind) return link;
  const player = make(kind, { controls: true, preload: "none", src: file.url, "aria-label": file.name });
  return make("div", { class: "played" }, player, link);
}

/** Its size is known before it is loaded, so that nothing moves. */
function image({ url, thumbnailUrl, name, width, height }) {
  const scale = Math.min(1, SHOWN_PX / width, SHOWN_PX / height);
  const size = { width: Math.round(width * scale), height: Math.round(height * scale) };
  const picture = make("img", { src: thumbnailUrl ?? url, alt: name, loading: "lazy", ...size });
  return make("a", { class: "picture", href: url, target: "_blank", rel: "noopener", title: name }, picture);
}
