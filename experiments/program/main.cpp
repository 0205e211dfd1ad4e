#include <algorithm>
#include <cstdio>
#include <exception>
#include <limits>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <CLI/CLI.hpp>

#include "experiments/commands/commands.h"
#ifdef AFFINIS_WITH_TORCH
#include "experiments/study/forecast_command.h"
#endif
#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/core/text.h"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int report_failure(const std::string& sentence, int exit_code) {
  std::fprintf(stderr, "affinis: %s\n", sentence.c_str());
  return exit_code;
}

/// CLI11 spells out both ends of a range, with 300 digits where there is no upper one.
std::string without_endless_range(std::string sentence) {
  constexpr std::string_view kRange = " not in range 0.000000 to ";
  constexpr std::size_t kEndless = 40;
  const std::size_t at = sentence.find(kRange);
  if (at == std::string::npos) return sentence;
  const std::size_t end = sentence.find_first_not_of("0123456789.", at + kRange.size());
  const std::size_t length = std::min(end, sentence.size()) - at;
  if (length < kRange.size() + kEndless) return sentence;
  const bool zero = sentence.find(" 0 not in range") != std::string::npos;
  return sentence.replace(at, length, zero ? " must be above 0" : " must not be negative");
}

/// CLI11 would only say that a subcommand is required: names the word that is none, with the nearest ones.
void require_known_commands(CLI::App& app, int argc, char** argv) {
  CLI::App* level = &app;
  std::string path = "affinis";
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    const std::vector<CLI::App*> commands = level->get_subcommands([](const CLI::App*) { return true; });
    if (commands.empty()) return;
    const std::string word = argv[i];
    CLI::App* next = nullptr;
    std::vector<std::string> names;
    for (CLI::App* command : commands) {
      if (command->get_name() == word) next = command;
      if (!command->get_group().empty()) names.push_back(command->get_name());
    }
    if (next == nullptr) {
      const std::string hint = affinis::did_you_mean(word, names);
#ifdef AFFINIS_WITH_TORCH
      const char* missing = "";
#else
      const char* missing = " (this program was built without LibTorch, so it has no commands that train)";
#endif
      affinis::fail(affinis::ErrorCode::kUsage, "'{} {}' is no command{}{}", path, word, missing,
                    hint.empty() ? "; the commands are " + affinis::join(names, ", ") : hint);
    }
    path += " " + word;
    level = next;
  }
}

/// Every training step asks for the same large blocks again. Given back to the system in between, they cost a quarter of a small network's
/// time in page faults.
void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kGrowBy = 64 << 20;
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, kGrowBy);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  using affinis::ErrorCode;
  affinis::Logger logger;
  logger.add_sink(affinis::make_terminal_sink());
  affinis::experiments::CommandContext context{logger, argv[0]};

  CLI::App app("Affinis: which visual tasks help which, and therefore which few are worth labelling.", "affinis");
  app.require_subcommand(1);
  app.set_version_flag("--version", "affinis " AFFINIS_VERSION);
#ifdef AFFINIS_WITH_TORCH
  affinis::experiments::add_study_commands(app, context);
#endif
  affinis::experiments::add_report_command(app, context);
  affinis::experiments::add_data_commands(app, context);
  affinis::experiments::add_taxonomy_commands(app, context);
#ifdef AFFINIS_WITH_TORCH
  affinis::experiments::add_forecast_command(*app.get_subcommand("taxonomy"), context);
#endif
  affinis::experiments::add_group_commands(app);

  try {
    require_known_commands(app, argc, argv);
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return report_failure(without_endless_range(error.what()) + "; see --help", kUsage);
  } catch (const affinis::Error& error) {
    const bool users = error.code() == ErrorCode::kUsage || error.code() == ErrorCode::kConfig;
    return report_failure(error.what(), users ? kUsage : kFailed);
  } catch (const std::bad_alloc&) {
    return report_failure("out of memory; try a smaller batch, fewer threads or fewer rooms", kFailed);
  } catch (const std::exception& error) {
    return report_failure(std::string("unexpected failure: ") + error.what(), kFailed);
  }
}
