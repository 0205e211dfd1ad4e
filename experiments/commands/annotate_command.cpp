#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "experiments/commands/commands.h"
#include "experiments/commands/data_commands.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/data/annotate_store.h"
#include "framework/data/annotation.h"
#include "framework/data/data_set.h"

namespace affinis::experiments {
namespace {

struct AnnotateArguments {
  std::string folder;
  std::string fields;
  int threads = 0;
  bool json = false;
};

std::vector<std::string> chosen_fields(const std::string& wish) {
  std::vector<std::string> fields = split(wish, ',');
  if (fields.empty()) {
    for (const data::Annotation& each : data::annotations()) fields.push_back(each.field);
  }
  for (const std::string& field : fields) data::annotation(field);
  return fields;
}

/// A store that lacks some of the labels.
struct Lacking {
  std::string split;
  std::filesystem::path path;
  std::int64_t samples = 0;
};

/// The whole data set is looked at before any work: an error after an hour would be unkind.
std::vector<Lacking> lacking_stores(const std::string& folder, const std::vector<std::string>& fields) {
  const data::DataSet set(folder);
  std::vector<Lacking> stores;
  for (const char* split : {data::kTrainSplit, data::kTransferSplit, data::kTestSplit}) {
    if (!set.has_split(split)) continue;
    const data::Store& store = set.split(split);
    if (!data::missing_annotations(store, fields).empty()) stores.push_back({split, store.path(), store.size()});
  }
  return stores;
}

/// Who holds the lock of a folder, as the kernel lists it; "another process" where it does not tell (some file systems, other systems).
std::string lock_holder(int folder) {
  struct stat info = {};
  std::ifstream locks("/proc/locks");
  if (::fstat(folder, &info) != 0) return "another process";
  const std::string file = fmt::format("{:02x}:{:02x}:{}", major(info.st_dev), minor(info.st_dev), info.st_ino);
  // "7: FLOCK  ADVISORY  WRITE 4242 08:01:131 0 EOF"; who waits has "->" behind the number.
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, mode, access, process, place;
    words >> number >> kind >> mode >> access >> process >> place;
    if (kind == "FLOCK" && place == file && parse_integer(process).value_or(0) > 0) return "process " + process;
  }
  return "another process";
}

/// Two at work on one data set would write the same blocks. Let go by the end of the process however it comes; leaves no file behind.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder) : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    // File systems that cannot lock a folder go without.
    if (descriptor_ < 0 || ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
    const std::string holder = lock_holder(descriptor_);
    ::close(descriptor_);
    fail(ErrorCode::kIo, "{} is already being annotated by {}: wait for it, or end it and start again", folder, holder);
  }
  ~FolderLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

void annotate_data(const AnnotateArguments& arguments, Logger& logger) {
  AFFINIS_CHECK(arguments.threads >= 0 && arguments.threads <= 4096, ErrorCode::kUsage, "--threads {} is not between 0 and 4096", arguments.threads);
  const std::vector<std::string> fields = chosen_fields(arguments.fields);
  const FolderLock lock(arguments.folder);
  const std::vector<Lacking> stores = lacking_stores(arguments.folder, fields);
  nlohmann::json splits = nlohmann::json::array();
  for (const Lacking& lacking : stores) {
    std::optional<Progress> progress;
    const std::string what = "annotating " + lacking.split;
    const auto tell = [&](std::int64_t done, std::int64_t resumed) {
      if (!progress && done > resumed) progress.emplace(logger, what, static_cast<double>(lacking.samples), static_cast<double>(resumed));
      if (progress) progress->set(static_cast<double>(done));
    };
    const data::AnnotatedStore report = data::annotate_store(lacking.path, fields, {.threads = arguments.threads, .progress = tell});
    progress.reset();
    splits.push_back({{"split", lacking.split}, {"samples", report.samples}, {"resumed", report.resumed}, {"added", report.added}});
    logger.info("{}: {} added to {} samples{}", lacking.path.string(), join(report.added, ", "), report.samples,
                report.resumed > 0 ? fmt::format(", {} of them by an earlier run", report.resumed) : "");
  }
  if (stores.empty()) logger.info("{} has {} already; there is nothing to do", arguments.folder, join(fields, ", "));
  if (arguments.json) print_json({{"folder", arguments.folder}, {"fields", fields}, {"splits", splits}});
}

}  // namespace

void add_annotate_command(CLI::App& data, CommandContext& context) {
  const auto arguments = std::make_shared<AnnotateArguments>();
  CLI::App* command = data.add_subcommand("annotate", "Compute costly labels once and add them to every split of a data set; an interrupted run goes on");
  command->add_option("DIR", arguments->folder, "data folder")->required();
  command->add_option("--fields", arguments->fields, "labels to add, joined by commas (default: all that are missing)");
  command->add_option("--threads", arguments->threads, "threads; 0: one for every core; the labels do not depend on it")->capture_default_str();
  command->add_flag("--json", arguments->json, "print what was added as one JSON object: {\"folder\", \"fields\", \"splits\": [{\"split\", \"samples\", \"resumed\", \"added\"}]}");
  command->footer([] {
    std::string text = "Labels:";
    for (const data::Annotation& each : data::annotations()) text += "\n  " + each.field + ": " + each.doc + "; from " + join(each.needs, ", ");
    return text;
  });
  command->callback([arguments, &context] { annotate_data(*arguments, context.logger); });
}

}  // namespace affinis::experiments
