#include "experiments/commands/tree_picture.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

namespace affinis::experiments {
namespace {

constexpr double kRow = 22;
constexpr double kTop = 44;
constexpr double kLeft = 16;
constexpr double kTreeWidth = 460;
constexpr double kLetter = 7.2;  // of a 13 pixel font, about

std::string escaped(const std::string& text) {
  std::string result;
  for (const char character : text) {
    switch (character) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      default: result += static_cast<unsigned char>(character) < 0x20 ? ' ' : character;
    }
  }
  return result;
}

/// 1, 2 or 5 times a power of ten: about four steps to `largest`.
double tick_step(double largest) {
  const double raw = largest / 4;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double lead = raw / power;
  return power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
}

/// Where every node's line begins: leaves in rows from top to bottom, others amid their children.
std::vector<double> rows_of(const taxonomy::Tree& tree) {
  std::vector<double> rows(tree.nodes.size(), 0.0);
  double next = 0;
  std::vector<std::size_t> stack = {tree.nodes.size() - 1};
  while (!stack.empty()) {
    const std::size_t at = stack.back();
    stack.pop_back();
    const auto& children = tree.nodes[at].children;
    if (children.empty()) rows[at] = next++;
    stack.insert(stack.end(), children.rbegin(), children.rend());
  }
  for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
    const auto& children = tree.nodes[i].children;
    if (!children.empty()) rows[i] = (rows[children.front()] + rows[children.back()]) / 2;
  }
  return rows;
}

}  // namespace

std::string tree_svg(const taxonomy::Tree& tree, const std::string& title) {
  const double largest = tree.nodes.back().height > 0 ? tree.nodes.back().height : 1;
  const std::vector<double> rows = rows_of(tree);
  const auto x = [&](double height) { return kLeft + kTreeWidth * (1 - height / largest); };
  const auto y = [&](double row) { return kTop + kRow * (row + 0.5); };
  std::size_t leaves = 0;
  std::size_t longest = 0;
  for (const taxonomy::TreeNode& node : tree.nodes) {
    if (!node.children.empty()) continue;
    ++leaves;
    longest = std::max(longest, node.name.size());
  }
  const double width =
      std::max(kLeft + kTreeWidth + 12 + kLetter * static_cast<double>(longest) + 16, 32 + kLetter * static_cast<double>(title.size()));
  const double bottom = kTop + kRow * static_cast<double>(leaves);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" role=\"img\">\n"
      "<title>{2}</title>\n"
      "<style>svg{{font:13px system-ui,sans-serif;background:#fff}}text{{fill:#1b1f24}}.axis text{{font-size:11px;fill:#57606a}}"
      "path{{fill:none;stroke:#3b6ea5;stroke-width:1.5}}.axis path{{stroke:#d0d7de;stroke-width:1}}"
      "@media(prefers-color-scheme:dark){{svg{{background:#0d1117}}text{{fill:#e6edf3}}.axis text{{fill:#9198a1}}"
      "path{{stroke:#79b8ff}}.axis path{{stroke:#30363d}}}}</style>\n"
      "<text x=\"{3:.0f}\" y=\"24\" font-weight=\"600\">{2}</text>\n",
      width, bottom + 40, escaped(title), kLeft);
  svg += "<g class=\"axis\">\n";
  const double step = tick_step(largest);
  for (double height = 0; height <= largest * (1 + 1e-9); height += step) {
    svg += fmt::format("<path d=\"M{0:.1f} {1:.1f}V{2:.1f}\"/><text x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\">{4:.4g}</text>\n",
                       x(height), kTop, bottom + 4, bottom + 18, height);
  }
  svg += "</g>\n";
  for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
    const taxonomy::TreeNode& node = tree.nodes[i];
    if (node.children.empty()) {
      svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" dominant-baseline=\"central\">{}</text>\n", kLeft + kTreeWidth + 8, y(rows[i]),
                         escaped(node.name));
      continue;
    }
    svg += fmt::format("<path d=\"M{:.1f} {:.1f}V{:.1f}", x(node.height), y(rows[node.children.front()]), y(rows[node.children.back()]));
    for (const std::size_t child : node.children) {
      svg += fmt::format("M{:.1f} {:.1f}H{:.1f}", x(node.height), y(rows[child]), x(tree.nodes[child].height));
    }
    svg += "\"/>\n";
  }
  return svg + "</svg>\n";
}

}  // namespace affinis::experiments
