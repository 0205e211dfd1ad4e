#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "framework/core/error.h"
#include "taxonomy/problem.h"
#include "taxonomy/transfer_table.h"

/// What the reader of transfer tables lets through must survive a round trip; all else must be one Error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace affinis;
  try {
    const taxonomy::TransferTable table =
        taxonomy::parse_transfer_table({reinterpret_cast<const char*>(data), size}, "fuzz.csv");
    const std::string text = taxonomy::to_csv(table);
    if (taxonomy::to_csv(taxonomy::parse_transfer_table(text, "again")) != text) std::abort();
    taxonomy::ProblemOptions options;
    options.max_order = 3;
    taxonomy::to_lp(taxonomy::make_problem(table, options));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal || error.sentence().find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
