#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "framework/core/error.h"
#include "taxonomy/loss_table.h"
#include "taxonomy/tournament.h"
#include "tests/fuzz/input_file.h"

namespace {

using affinis::taxonomy::LossTable;

bool same(const LossTable& a, const LossTable& b) {
  if (a.target != b.target || a.networks != b.networks || a.images != b.images || a.buildings != b.buildings) return false;
  for (std::size_t i = 0; i < a.losses.size(); ++i) {
    if (a.losses[i] != b.losses[i] && !(std::isnan(a.losses[i]) && std::isnan(b.losses[i]))) return false;
  }
  return true;
}

void check(const LossTable& table) {
  affinis::taxonomy::check_loss_table(table);
  if (table.networks.empty() || table.images.empty()) std::abort();
  for (std::size_t i = 1; i < table.images.size(); ++i) {
    if (table.images[i - 1] >= table.images[i]) std::abort();
  }
  for (const std::string& network : table.networks) {
    if (table.networks[table.find(network)] != network) std::abort();
  }
}

}  // namespace

/// The readers of losses and buildings read files: each input goes through one of its own. Tables
/// must be sound and hold a tournament; where the same text gives buildings alone, they are the
/// same ones.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace affinis;
  const std::array<std::filesystem::path, 1> path = {fuzz::input_file(data, size)};
  const auto one_sentence = [](const Error& error) {
    if (error.code() == ErrorCode::kInternal || error.code() == ErrorCode::kIo) std::abort();
    if (error.sentence().find('\n') != std::string::npos) std::abort();
  };
  std::vector<taxonomy::LossTable> tables;
  try {
    tables = taxonomy::read_loss_tables(path);
  } catch (const Error& error) {
    one_sentence(error);
  }
  for (const taxonomy::LossTable& table : tables) {
    check(table);
    try {
      const taxonomy::Tournament tournament = taxonomy::make_tournament(table);
      for (std::size_t i = 0; i < tournament.wins.size(); ++i) {
        if (!std::isnan(tournament.wins[i]) && !(tournament.wins[i] >= 0 && tournament.wins[i] <= 1)) std::abort();
      }
    } catch (const Error& error) {
      one_sentence(error);
    }
  }
  std::vector<taxonomy::LossTable> again = tables;
  try {
    taxonomy::read_buildings(path.front(), again);
    for (std::size_t i = 0; i < tables.size(); ++i) {
      if (!same(again[i], tables[i])) std::abort();
    }
  } catch (const Error& error) {
    one_sentence(error);
  }
  return 0;
}
