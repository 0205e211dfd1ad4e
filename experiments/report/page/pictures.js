// ---- What the tasks' own networks predict, task by task on the same images.

const image = (path, about) => (image_of(path) ? make("img", { src: image_of(path), alt: about }) : null);
function strip(name, note, paths) {
  if (!(paths || []).some(image_of)) return null;
  return make("div", { class: "strip" }, make("div", { class: "who" }, name, note ? make("small", {}, note) : null),
    make("div", { class: "row" }, paths.map((path, i) => image(path, name + ", test image " + (i + 1)))));
}

function pictures_section() {
  const shown = [...tasks.values()].filter((task) => task.pictures && (task.pictures.targets || []).some(image_of));
  if (!shown.length) return;
  const first = shown.find((task) => (task.pictures.inputs || []).some(image_of));
  const ranked = shown.filter((task) => known(task.beats_constant)).sort((a, b) => b.beats_constant - a.beats_constant);
  const loss = (task) => ((at(task.networks, "self") || {}).mean_loss);
  section("pictures", "What they predict", "Predictions", "Each pair of rows is one task on the same test images: above what is right, below what its own network predicts." +
    (ranked.length > 1 ? " Against the best constant guess the surest is " + title(ranked[0].name) + " (better on " + percent(ranked[0].beats_constant) + "), the least sure " +
      title(ranked[ranked.length - 1].name) + " (" + percent(ranked[ranked.length - 1].beats_constant) + ")." : ""),
    make("div", { class: "strips", id: "overview" }, first ? [strip("input", "", first.pictures.inputs), make("div", {})] : null, shown.map((task) => make("div", { class: "strip" },
      make("div", { class: "who" }, make("button", { type: "button", class: "link", onclick: () => open_task(task.name) }, title(task.name)), known(loss(task)) ? make("small", {}, "loss " + short(loss(task))) : null),
      make("div", { class: "row" }, task.pictures.targets.map((path, i) => make("div", { class: "pair" }, image(path, title(task.name) + ", target of test image " + (i + 1)),
        image(at(at(task.pictures, "predictions"), "self")?.[i], title(task.name) + ", prediction for test image " + (i + 1)))))))),
    make("p", { class: "note" }, "Every transfer's predictions on these images are on the task's page above."));
}
