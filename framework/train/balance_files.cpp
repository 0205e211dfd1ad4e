#include "framework/train/balance_files.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"

namespace affinis::train {
namespace {

std::string cell(double value) { return std::isfinite(value) ? fmt::format("{}", value) : std::string(); }

/// The file's lines about steps up to this one; a line that a crash cut off is not among them.
std::string lines_up_to(const std::filesystem::path& path, std::int64_t step) {
  std::string kept;
  if (step == 0 || !std::filesystem::exists(path)) return kept;
  const std::string text = read_file(path);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const std::string_view line(text.data() + begin, end + 1 - begin);
    const std::optional<std::int64_t> at = parse_integer(line.substr(0, line.find(',')));
    if (at && *at <= step) kept += line;
    begin = end + 1;
  }
  return kept;
}

}  // namespace

BalanceFiles::BalanceFiles(std::filesystem::path folder, std::vector<std::string> tasks, std::int64_t step, bool conflicts)
    : folder_(std::move(folder)), tasks_(std::move(tasks)) {
  if (folder_.empty()) return;
  begin(balance_, folder_ / "balance.csv", "step,task,weight,loss,gradient_norm\n", step);
  if (conflicts) begin(conflicts_, folder_ / "conflicts.csv", "step,task_a,task_b,cosine\n", step);
}

void BalanceFiles::begin(File& file, const std::filesystem::path& path, const std::string& header, std::int64_t step) {
  write_file_atomically(path, header + lines_up_to(path, step));
  file.stream.open(path, std::ios::binary | std::ios::app);
  AFFINIS_CHECK(file.stream.is_open(), ErrorCode::kIo, "cannot open {} for writing: {}", path.string(), std::strerror(errno));
  file.path = path;
}

void BalanceFiles::append(std::int64_t step, std::span<const double> weights, std::span<const double> losses,
                          const std::optional<Conflicts>& conflicts) {
  if (folder_.empty()) return;
  std::vector<double> norms(tasks_.size(), std::numeric_limits<double>::quiet_NaN());
  std::string pairs;
  if (conflicts) {
    const std::vector<std::size_t>& heads = conflicts->heads;
    for (std::size_t a = 0; a < heads.size(); ++a) {
      norms[heads[a]] = conflicts->gramian.norm(a);
      for (std::size_t b = a + 1; b < heads.size(); ++b) {
        pairs += fmt::format("{},{},{},{}\n", step, tasks_[heads[a]], tasks_[heads[b]], cell(conflicts->gramian.cosine(a, b)));
      }
    }
  }
  std::string lines;
  for (std::size_t t = 0; t < tasks_.size(); ++t) {
    lines += fmt::format("{},{},{},{},{}\n", step, tasks_[t], cell(weights[t]), cell(losses[t]), cell(norms[t]));
  }
  write(balance_, lines);
  if (conflicts_.stream.is_open()) write(conflicts_, pairs);
}

void BalanceFiles::write(const TaskAffinity& affinity) {
  if (folder_.empty()) return;
  std::string text = "task,helper,affinity\n";
  for (std::size_t task = 0; task < tasks_.size(); ++task) {
    for (std::size_t helper = 0; helper < tasks_.size(); ++helper) {
      if (task == helper) continue;
      const double value = affinity.affinity(task, helper);
      if (std::isnan(value)) return;
      text += fmt::format("{},{},{}\n", tasks_[task], tasks_[helper], value);
    }
  }
  write_file_atomically(folder_ / "tag.csv", text);
}

void BalanceFiles::write(File& file, const std::string& text) {
  file.stream << text << std::flush;
  AFFINIS_CHECK(file.stream.good(), ErrorCode::kIo, "cannot write to {}: {}", file.path.string(), std::strerror(errno));
}

}  // namespace affinis::train
