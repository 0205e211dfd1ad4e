#include "framework/core/cut_off_files.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "framework/core/files.h"

namespace affinis {
namespace {

namespace fs = std::filesystem;

TEST(CutOffFiles, OnlyThoseOfProcessesThatAreGoneAreRemoved) {
  const TemporaryFolder temporary;
  const auto write = [&](const std::string& name) { std::ofstream(temporary.path() / name) << "half"; };
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  write(".table.tmp-" + std::to_string(child) + "-0.csv");
  write(".table.tmp-" + std::to_string(::getpid()) + "-0.csv");
  write(".hidden");
  write("whole.tmp-1.csv");
  remove_cut_off_files(temporary.path());
  std::vector<std::string> left;
  for (const fs::directory_entry& entry : fs::directory_iterator(temporary.path())) left.push_back(entry.path().filename().string());
  std::sort(left.begin(), left.end());
  EXPECT_EQ(left, (std::vector<std::string>{".hidden", ".table.tmp-" + std::to_string(::getpid()) + "-0.csv", "whole.tmp-1.csv"}));
  remove_cut_off_files(temporary.path() / "missing");
}

}  // namespace
}  // namespace affinis
