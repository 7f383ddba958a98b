// Pictures of people, made from their color and initials; the app has a glyph.

import { h, icon } from "./dom.js";

/** A square picture of `size` px. */
export function avatar(user, size) {
  const props = {
    class: "avatar",
    "aria-hidden": "true",
    style: {
      "--size": `${size}px`,
      "--color": `#${/^[0-9a-f]{6}$/i.test(user.color ?? "") ? user.color : "757575"}`,
    },
  };
  if (user.is_bot) return h("span", { ...props, class: "avatar app-avatar" }, glyph(size));
  return h("span", props, initials(user.real_name));
}

function glyph(size) {
  const drawing = icon("hash", Math.round(size * 0.62));
  drawing
    .querySelector("path")
    .setAttribute(
      "d",
      "M3.5 4.500h13v4h-13zM3.500 11.500h13v4h-13zM6 6.500h.01M6 13.500h.01M9.500 6.500h4.500M9.500 13.500h4.500",
    );
  return drawing;
}

function initials(name) {
  const words = name.trim().split(/\s+/);
  if (/[\u3131-\uD79D\u4E00-\u9FFF]/.test(name))
    return [...name.replace(/\s/g, "")].slice(-2).join(""); // 이지훈 → 지훈
  return (words[0][0] + (words.length > 1 ? words.at(-1)[0] : "")).toUpperCase();
}
