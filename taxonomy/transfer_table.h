#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace affinis::taxonomy {

/// The pseudo-source that stands for the target's own task-specific network.
inline constexpr std::string_view kSelf = "self";

/// One transfer and what was measured of it; NaN is a missing value.
struct TransferRow {
  std::vector<std::string> sources;  ///< as written, none twice; {"self"} alone for the target's own network
  std::string target;
  std::int64_t order = 1;            ///< number of sources
  double affinity = std::numeric_limits<double>::quiet_NaN();  ///< share of the principal eigenvector; higher is better
  double gain = std::numeric_limits<double>::quiet_NaN();      ///< win rate against a network trained from scratch
  double quality = std::numeric_limits<double>::quiet_NaN();   ///< win rate against the target's own network
  std::vector<std::string> extra;    ///< cells of TransferTable::extra_columns

  bool is_self() const { return sources.size() == 1 && sources.front() == kSelf; }
  /// Sources joined by '+', as written.
  std::string sources_text() const;
};

/// A transfer table: csv with the columns sources,target,order,affinity,gain,quality in any order; further columns are kept and
/// mean nothing here. Values may be of any sign (tables from elsewhere hold differences), but must be finite; an empty cell is missing.
struct TransferTable {
  std::string name = "transfer table";     ///< the file, for error sentences
  std::vector<std::string> extra_columns;
  std::vector<TransferRow> rows;

  /// All tasks that stand as a source (without `self`) or target, sorted.
  std::vector<std::string> tasks() const;
  /// Tasks that are a target, sorted.
  std::vector<std::string> targets() const;
};

/// Reads a table. Throws Error(kIo) when the file cannot be read, Error(kFormat) for broken csv and Error(kData) for a missing column,
/// a cell that is no number, an order that is not the number of sources, an empty or repeated source, `self` beside other sources,
/// the same sources (in any order) twice for one target, or no rows: one sentence with file and line.
TransferTable read_transfer_table(const std::filesystem::path& path);
/// As above from text; `name` stands for the file in sentences.
TransferTable parse_transfer_table(std::string_view text, const std::string& name);

/// Throws as parse_transfer_table for tables made in memory.
void check_transfer_table(const TransferTable& table);

/// The table as csv: rows by target, then order, then sources (self first); numbers read back to the same doubles, NaN as an empty cell.
std::string to_csv(const TransferTable& table);
/// Writes to_csv() atomically; throws Error(kIo) that names the path.
void write_transfer_table(const std::filesystem::path& path, const TransferTable& table);

}  // namespace affinis::taxonomy
