// What every page does: stays up to date, opens its menu on a phone, asks before what cannot be undone.
(() => {
  "use strict";
  const PAUSE = 700; // ms: changes that come together are one
  let stream = null;
  let timer = 0;

  const refresh = () => {
    timer = 0;
    for (const part of document.querySelectorAll("[data-live]")) htmx.trigger(part, "live");
  };
  const changed = () => {
    if (!timer) timer = setTimeout(refresh, PAUSE);
  };
  const tell = (isLost) => {
    const state = document.getElementById("live-state");
    if (state) state.textContent = isLost ? state.dataset.lost : "";
  };
  const open = () => {
    if (stream || document.hidden || !document.querySelector("[data-live]")) return;
    stream = new EventSource("/live");
    stream.addEventListener("change", changed);
    stream.addEventListener("end", () => location.reload());
    stream.addEventListener("open", () => {
      tell(false);
      changed(); // what changed between the page and its stream
    });
    stream.addEventListener("error", () => {
      tell(true);
      if (stream && stream.readyState === EventSource.CLOSED) {
        stream = null;
        setTimeout(open, 5000);
      }
    });
  };
  const close = () => {
    if (stream) stream.close();
    stream = null;
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      close();
    } else {
      open();
    }
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => {
    if (event.persisted) open();
  });

  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.triggeringEvent && event.detail.triggeringEvent.type === "live") event.detail.headers["X-Live"] = "1";
  });

  const showBadges = () => {
    for (const place of document.querySelectorAll("[data-badge]")) {
      const found = document.querySelector(`#badges [data-for="${place.dataset.badge}"]`);
      place.className = found ? "count" : "";
      place.replaceChildren();
      if (!found) continue;
      const number = document.createElement("span");
      number.setAttribute("aria-hidden", "true");
      number.textContent = found.textContent;
      const words = document.createElement("span");
      words.className = "unseen";
      words.textContent = `: ${found.title}`;
      place.append(number, words);
      place.title = found.title;
    }
  };
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "badges") showBadges();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".menu-button");
    if (!button) return;
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
  });
  document.addEventListener("keydown", (event) => {
    const button = document.querySelector('.menu-button[aria-expanded="true"]');
    if (event.key !== "Escape" || !button) return;
    button.setAttribute("aria-expanded", "false");
    if (document.getElementById("navigation").contains(document.activeElement)) button.focus();
  });
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset ? event.target.dataset.ask : "";
    if (question && !confirm(question)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    const button = event.submitter;
    if (button && event.target.method === "post" && !event.target.hasAttribute("hx-post")) {
      setTimeout(() => { button.disabled = true; }, 0);
      setTimeout(() => { button.disabled = false; }, 8000);
    }
  }, true);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button && navigator.clipboard) {
      navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
      button.classList.add("copied");
    }
    if (event.target.closest("[data-print]")) print();
  });

  // Typing is being there; and what was typed outlives a session that ends meanwhile, for the same person in this tab.
  const TYPING = 60000;
  let told = Date.now();
  const draft = { key: `draft ${location.pathname}`, user: document.body.dataset.user };
  const isKept = (field) => field.name && field.name !== "csrf" && !["password", "file", "hidden"].includes(field.type);
  const fieldsOf = (form) => [...form.elements].filter(isKept);
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (!form || form.method !== "post" || !draft.user) return;
    if (Date.now() - told > TYPING) {
      told = Date.now();
      fetch("/badges").catch(() => {});
    }
    const fields = fieldsOf(form).map((field) => [field.name, field.value, Boolean(field.checked)]);
    sessionStorage.setItem(draft.key, JSON.stringify({ user: draft.user, form: form.getAttribute("action"), fields }));
  });
  const restore = () => {
    if (!draft.user) {
      sessionStorage.setItem("back", "1"); // this is the log-in: whoever comes back gets what they had typed
      return;
    }
    const kept = JSON.parse(sessionStorage.getItem(draft.key) || "null");
    const isBack = sessionStorage.getItem("back");
    sessionStorage.removeItem("back");
    for (const name of Object.keys(sessionStorage)) if (name.startsWith("draft ")) sessionStorage.removeItem(name);
    const form = kept && isBack && kept.user === draft.user &&
      [...document.forms].find((one) => one.method === "post" && one.getAttribute("action") === kept.form);
    if (!form) return;
    const fields = fieldsOf(form);
    kept.fields.forEach(([name, value, isChecked], number) => {
      const field = fields[number];
      if (!field || field.name !== name) return;
      if (["checkbox", "radio"].includes(field.type)) field.checked = isChecked;
      else field.value = value;
    });
  };

  // What somebody has opened or closed stays so when its part is fetched again.
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.tagName === "DETAILS");

  document.addEventListener("DOMContentLoaded", () => {
    open();
    restore();
    const wrong = document.querySelector("[aria-invalid=true]");
    if (wrong) wrong.focus();
  });
})();
