#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "framework/core/random.h"

// For compilers without libFuzzer: mutates the seeds of a folder, with libFuzzer's options -runs=N and -seed=N.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::string mutate(const std::vector<std::string>& seeds, affinis::RandomStream& random) {
  static const char* const kTokens[] = {"\"", ",", "\n", "\r\n", "[", "]", "{", "}", "=", ":", "nan", "-inf", "1e999", "self", "+", "\xff", "\xed\xa0\x80"};
  std::string text = seeds[random.below(seeds.size())];
  for (std::uint64_t edits = 1 + random.below(6); edits > 0; --edits) {
    const std::size_t at = random.below(text.size() + 1);
    switch (random.below(6)) {
      case 0: text.insert(at, 1, static_cast<char>(random.below(256))); break;
      case 1: text.erase(at, 1 + random.below(16)); break;
      case 2: text.insert(at, kTokens[random.below(std::size(kTokens))]); break;
      case 3: text.insert(at, text.substr(random.below(text.size() + 1), random.below(64))); break;
      case 4: text.resize(at); break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << random.below(8)));
    }
  }
  return text;
}

}  // namespace

int main(int count, char** arguments) {
  std::uint64_t runs = 100000;
  std::uint64_t seed = 1;
  std::vector<std::string> seeds = {""};
  const auto number = [](const char* text, std::uint64_t& value) { std::from_chars(text, text + std::strlen(text), value); };
  for (int i = 1; i < count; ++i) {
    const char* const argument = arguments[i];
    if (std::strncmp(argument, "-runs=", 6) == 0) {
      number(argument + 6, runs);
    } else if (std::strncmp(argument, "-seed=", 6) == 0) {
      number(argument + 6, seed);
    } else if (std::filesystem::is_directory(argument)) {
      for (const auto& entry : std::filesystem::directory_iterator(argument)) {
        std::ifstream file(entry.path(), std::ios::binary);
        seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
      }
    }
  }
  affinis::RandomStream random(seed, "fuzz");
  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t run = 0; run < runs; ++run) {
    const std::string text = mutate(seeds, random);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::fprintf(stderr, "Done %llu runs in %.0f second(s)\n", static_cast<unsigned long long>(runs), seconds);
  return EXIT_SUCCESS;
}
