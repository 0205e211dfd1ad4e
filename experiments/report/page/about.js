// ---- Where the numbers come from: the data, the words, the settings, how to cite.

function data_section() {
  const about = summary.data;
  if (!about) return;
  const split_order = (name) => ["train", "transfer", "test"].indexOf(name);
  const splits = Object.entries(about.splits || {}).filter(([, split]) => split && known(split.images)).sort(([a], [b]) => split_order(a) - split_order(b))
    .map(([name, split]) => name + ": " + many(split.images, "image") + (known(split.buildings) ? " of " + many(split.buildings, "building") : ""));
  const sheet = image_of(about.contact_sheet);
  if (!splits.length && !sheet && !about.attribution) return;
  section("data", "The data", "Data", splits.length ? capital(splits.join("; ")) + ". Splits are by building: no building is in two of them." : "What the networks were shown.",
    sheet ? make("img", { class: "sheet", src: sheet, alt: "contact sheet: test images and their fields" }) : null,
    about.attribution ? make("details", {}, make("summary", {}, "Attribution of the models"), make("pre", { tabindex: 0 }, about.attribution)) : null);
}

function terms() {
  const term = (name, text) => [make("dt", {}, name), make("dd", {}, text)];
  const objective = given_objective;
  const baseline = summary.gain_against === "shallow" ? "from scratch in the paper's shallow form" : "from scratch";
  section("reading", "How to read this", "Terms", "A taxonomy is the choice of labelled tasks within a budget, and of one transfer for every target, with the largest total " + objective + ".",
    make("dl", {},
      term("Gain", "share of test images on which a transfer has a lower loss than a network trained " + baseline + " on the same little data. Ties count one half."),
      term("Quality", "the same against the target's own network, trained on all data. One half is a draw."),
      term("Affinity", "principal eigenvector of the target's tournament among all its transfers and its own network (analytic hierarchy process). It compares the transfers of one target, not targets."),
      term("Order", "number of sources that a transfer reads together."),
      term("Budget", "how much labelling may cost in all; every task costs 1 unless the settings say otherwise."),
      data.random && data.random.length ? term("Random taxonomy", "sources drawn at random within the budget, then for every target one of the transfers that they allow.") : null,
      any_interval ? term("Interval", capital(interval_words()) + (seeds_told()
        ? ". They say what trainings of transfers and scratch with other seeds would have given on the same networks, data and test images; what other test images would have given is in transfers.csv."
        : ". They say what other test images would have given, not what other trainings would have.")) : null),
    data.computed ? make("p", { class: "note" }, "There was no taxonomy.json beside transfers.csv, so that the taxonomies shown were computed when this report was written.") : null);
}

function settings_section() {
  if (!data.settings) return;
  section("settings", "Settings", "Settings", "Every setting as it was used" + (summary.scale && known(summary.scale.image_side) ? ": images of " + summary.scale.image_side + " x " + summary.scale.image_side + " pixels, networks of width " + summary.scale.width : "") +
    (summary.paper_compatible === true ? ", losses and targets as in the paper's code" : "") + ".", make("pre", { tabindex: 0 }, data.settings),
    make("div", { class: "controls tight" }, make("button", { type: "button", class: "quiet", onclick: () => download("experiment.toml", "text/plain", data.settings) }, "Download settings")));
}

function cite() {
  const name = summary.name || data.name || "taxonomy";
  const transfers = rows.filter((row) => !is_own(row)).length;
  const brace = (text) => text.replace(/[{}\\]/g, "");
  const key = name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "run";
  const text = "@misc{affinis-" + key + ",\n  title        = {Task transfer: " + brace(name) + "},\n  howpublished = {Report written by Affinis " + (data.version || "") + "},\n  note         = {" +
    many(targets.length, "target") + ", " + many(sources_seen.length, "source") + ", " + many(transfers, "transfer") + (data.fingerprint ? "; transfer table " + data.fingerprint : "") + "}\n}\n\n" +
    "@inproceedings{zamir2018taskonomy,\n  title     = {Taskonomy: Disentangling Task Transfer Learning},\n  author    = {Zamir, Amir R. and Sax, Alexander and Shen, William B. and Guibas, Leonidas J. and Malik, Jitendra and Savarese, Silvio},\n" +
    "  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},\n  year      = {2018}\n}\n";
  section("cite", "How to cite", "Cite", "Cite this run by its name" + (data.fingerprint ? " and the fingerprint of its transfer table, " + data.fingerprint + "," : "") + " with the version of Affinis, " + (data.version || "unknown") + "; the method is Taskonomy's (Zamir et al., CVPR 2018).",
    make("pre", { tabindex: 0, id: "bibtex" }, text),
    make("div", { class: "controls tight" }, make("button", { type: "button", class: "quiet", onclick: () => download("cite.bib", "text/plain", text) }, "Download BibTeX")));
}
