#include "framework/core/cut_off_files.h"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <sys/types.h>

#include "framework/core/detail/temporary_name.h"
#include "framework/core/text.h"

namespace affinis {
namespace {

/// The process that writes a temporary file; nothing for other names.
std::optional<std::int64_t> writer_of(const std::string& name) {
  const std::size_t mark = name.rfind(detail::kTemporaryMark);
  if (!name.starts_with('.') || mark == std::string::npos) return std::nullopt;
  const std::size_t begin = mark + detail::kTemporaryMark.size();
  return parse_integer(name.substr(begin, name.find('-', begin) - begin));
}

}  // namespace

void remove_cut_off_files(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  std::vector<fs::path> cut_off;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::optional<std::int64_t> process = writer_of(entry.path().filename().string());
    if (process && *process > 0 && ::kill(static_cast<pid_t>(*process), 0) != 0 && errno == ESRCH) cut_off.push_back(entry.path());
  }
  for (const fs::path& each : cut_off) fs::remove(each, ignored);
}

}  // namespace affinis
