#include "experiments/commands/commands.h"

#include <cstdio>
#include <string>

#include <nlohmann/json.hpp>

#include "framework/core/error.h"

namespace affinis::experiments {

void print_json(const nlohmann::json& value) {
  const std::string text = value.dump() + "\n";
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  AFFINIS_CHECK(written, ErrorCode::kIo, "cannot write the result to standard output; is the disk or pipe behind it full or closed?");
}

}  // namespace affinis::experiments
