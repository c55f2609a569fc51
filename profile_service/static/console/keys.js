// The console by keyboard alone: / finds, arrows choose, Enter opens, Esc leaves, single letters do what a page marks.
"use strict";
(() => {
  const stored = "profiles-keys";
  const box = () => document.getElementById("q");
  const hits = () => [...document.querySelectorAll("[data-hits] a")].filter((link) => link.offsetParent !== null);
  const typing = (target) => target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
  const enabled = () => localStorage.getItem(stored) !== "off";

  function move(step) {
    const links = hits();
    if (!links.length) return false;
    const now = links.indexOf(document.activeElement);
    const next = now + step;
    if (next < 0) box()?.focus();
    else links[Math.min(next, links.length - 1)].focus();
    return true;
  }

  function leave(target) {
    const search = box();
    if (target === search && search.value) {
      search.value = "";
      search.dispatchEvent(new Event("input", { bubbles: true }));
    } else if (document.querySelector("details[open]")) {
      document.querySelectorAll("details.who[open]").forEach((each) => { each.open = false; each.querySelector("summary").focus(); });
      if (typing(target)) target.blur();
    } else if (target.closest("[data-hits]")) {
      search?.focus();
    } else {
      target.blur();
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    if (event.key === "Escape") return leave(target);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if ((target === box() || target.closest("[data-hits]")) && move(event.key === "ArrowDown" ? 1 : -1)) event.preventDefault();
      return;
    }
    if (event.key === "Enter" && target === box()) {
      const [first, second] = hits();
      // one hit is opened, of several the first is gone to: nobody opens a stranger by accident
      if (first) { event.preventDefault(); second ? first.focus() : first.click(); }
      return;
    }
    if (typing(target) || !enabled() || event.key.length !== 1) return;
    if (event.key === "/") {
      const search = box();
      if (search) { event.preventDefault(); search.focus(); search.select(); }
      return;
    }
    const wanted = [...document.querySelectorAll(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`)].find((each) => each.offsetParent !== null);
    if (!wanted) return;
    event.preventDefault();
    wanted.matches("textarea, input, select") ? wanted.focus() : wanted.click();
  });

  document.addEventListener("htmx:config:request", (event) => {
    const token = document.body.dataset.formToken;
    const request = event.detail?.ctx?.request;
    if (token && request) request.headers["X-Form-Token"] = token;
  });

  document.addEventListener("DOMContentLoaded", () => {
    const toggle = document.getElementById("keys-on");
    if (!toggle) return;
    toggle.checked = enabled();
    toggle.addEventListener("change", () => localStorage.setItem(stored, toggle.checked ? "on" : "off"));
  });
})();
