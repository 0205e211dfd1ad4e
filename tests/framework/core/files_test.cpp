#include "framework/core/files.h"

#include <csignal>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"

namespace affinis {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string file_sentence(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    return error.sentence();
  }
  return "nothing was thrown";
}

/// No file may grow beyond `bytes` while this lives: the closest to a full disk that needs no rights.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

class FilesTest : public testing::Test {
 protected:
  /// Everything in the folder, also hidden and nested, relative.
  std::set<std::string> contents() const {
    std::set<std::string> names;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder_.path())) {
      names.insert(fs::relative(entry.path(), folder_.path()).string());
    }
    return names;
  }

  TemporaryFolder folder_;
  fs::path path_ = folder_.path() / "file.txt";
};

TEST_F(FilesTest, WritesAndReadsAnyBytes) {
  const std::string bytes("a\0b\r\n\xFF", 6);
  write_file_atomically(path_, bytes);
  EXPECT_EQ(read_file(path_), bytes);
  write_file_atomically(path_, std::string_view());
  EXPECT_EQ(read_file(path_), "");
  write_file_atomically(path_, std::string(300000, 'x'));
  EXPECT_EQ(read_file(path_), std::string(300000, 'x'));
  EXPECT_THAT(contents(), ElementsAre("file.txt"));
}

TEST_F(FilesTest, ReadsFilesThatHaveNoSize) {
  EXPECT_THAT(read_file("/proc/self/status"), HasSubstr("Name:"));
}

TEST_F(FilesTest, OldContentsSurviveAFailingWrite) {
  write_file_atomically(path_, std::string_view("old"));
  std::string sentence;
  {
    const FileSizeLimit limit(1000);
    sentence = file_sentence([&] { write_file_atomically(path_, std::string(5000, 'x')); });
  }
  EXPECT_EQ(sentence, "cannot write '" + path_.string() +
                          "': the file is too large for this file system or a limit on file sizes; "
                          "choose another folder");
  EXPECT_EQ(read_file(path_), "old");
  EXPECT_THAT(contents(), ElementsAre("file.txt"));
}

TEST_F(FilesTest, FullDiskIsOneSentence) {
  if (!fs::is_character_file("/dev/full")) GTEST_SKIP() << "there is no /dev/full here";
  EXPECT_EQ(
      file_sentence([] { write_file_atomically("/dev/full", std::string_view("x")); }),
      "cannot write '/dev/full': the disk is full; free some space there or choose another folder");
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(FilesTest, DevicesAreWrittenToAndNotReplaced) {
  write_file_atomically("/dev/null", std::string_view("x"));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_THAT(file_sentence([] { AtomicFile file("/dev/null"); }),
              HasSubstr("'/dev/null': it is a device or pipe"));
}

TEST_F(FilesTest, PathsBelowAFileOrInNoFolderAreRefused) {
  write_file_atomically(path_, std::string_view("old"));
  const fs::path below = path_ / "inner.txt";
  EXPECT_EQ(file_sentence([&] { write_file_atomically(below, std::string_view("x")); }),
            "cannot write '" + below.string() +
                "': something above it is a file and not a folder; check the path");
  const fs::path missing = folder_.path() / "missing" / "inner.txt";
  EXPECT_EQ(file_sentence([&] { write_file_atomically(missing, std::string_view("x")); }),
            "cannot write '" + missing.string() +
                "': it or a folder above it does not exist; check the path");
  EXPECT_EQ(file_sentence([&] { write_file_atomically(folder_.path(), std::string_view("x")); }),
            "cannot write '" + folder_.path().string() +
                "': it is a folder and not a file; check the path");
  EXPECT_EQ(file_sentence([&] { read_file(folder_.path()); }),
            "cannot read '" + folder_.path().string() +
                "': it is a folder and not a file; check the path");
  EXPECT_THAT(contents(), ElementsAre("file.txt"));
}

TEST_F(FilesTest, ReadOnlyFolderIsOneSentence) {
  fs::permissions(folder_.path(), fs::perms(0555));
  // Permissions do not bind the superuser: the calls are made as somebody else.
  constexpr uid_t kNobody = 65534;
  const bool was_root = ::geteuid() == 0;
  if (was_root && ::seteuid(kNobody) != 0) GTEST_SKIP() << "cannot give up the superuser's rights";
  const std::string sentence =
      file_sentence([&] { write_file_atomically(path_, std::string_view("x")); });
  const std::string writable = file_sentence([&] { require_writable_folder(folder_.path()); });
  if (was_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  fs::permissions(folder_.path(), fs::perms::owner_all);
  EXPECT_EQ(sentence,
            "cannot write '" + path_.string() +
                "': permission is denied; change its permissions or choose another folder");
  EXPECT_EQ(writable,
            "cannot make files in the folder '" + folder_.path().string() +
                "': permission is denied; change its permissions or choose another folder");
}

TEST_F(FilesTest, NamesAtTheLimitCanBeWrittenAndLongerOnesAreRefused) {
  const fs::path longest = folder_.path() / (std::string(251, 'n') + ".txt");
  write_file_atomically(longest, std::string_view("x"));
  EXPECT_EQ(read_file(longest), "x");
  const fs::path longer = folder_.path() / std::string(256, 'n');
  EXPECT_THAT(file_sentence([&] { write_file_atomically(longer, std::string_view("x")); }),
              HasSubstr("the name is too long"));
  EXPECT_EQ(contents().size(), 1U);
}

TEST_F(FilesTest, SymbolicLinksStayLinks) {
  const fs::path link = folder_.path() / "link";
  write_file_atomically(path_, std::string_view("old"));
  fs::create_symlink("file.txt", link);
  write_file_atomically(link, std::string_view("new"));
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(read_file(path_), "new");
}

TEST_F(FilesTest, WritersAtTheSameTimeLeaveOneWholeFile) {
  std::vector<std::thread> threads;
  for (char c = 'a'; c < 'e'; ++c) {
    threads.emplace_back([&, c] {
      for (int i = 0; i < 20; ++i) write_file_atomically(path_, std::string(10000, c));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = read_file(path_);
  EXPECT_EQ(text, std::string(10000, text.at(0)));
  EXPECT_THAT(contents(), ElementsAre("file.txt"));
}

TEST_F(FilesTest, MakeFolderNamesTheFileInTheWay) {
  make_folder(folder_.path() / "a" / "b");
  make_folder(folder_.path() / "a" / "b");
  make_folder(folder_.path() / "a" / "b" / "");
  EXPECT_TRUE(fs::is_directory(folder_.path() / "a" / "b"));
  write_file_atomically(path_, std::string_view("x"));
  const fs::path below = path_ / "c" / "d";
  EXPECT_EQ(file_sentence([&] { make_folder(below); }),
            "cannot make the folder '" + below.string() + "': '" + path_.string() +
                "' is a file and in the way; move it or choose another folder");
  EXPECT_THAT(file_sentence([&] { make_folder(path_); }), HasSubstr("is a file and in the way"));
  EXPECT_THAT(file_sentence([&] { require_writable_folder(path_); }),
              HasSubstr("is a file and in the way"));
}

TEST_F(FilesTest, RequireWritableFolderMakesItAndLeavesNothing) {
  require_writable_folder(folder_.path() / "runs" / "a");
  EXPECT_THAT(contents(), ElementsAre("runs", "runs/a"));
}

TEST_F(FilesTest, SyncNamesAMissingFile) {
  EXPECT_THAT(file_sentence([&] { sync_path(path_); }),
              HasSubstr("cannot sync '" + path_.string() + "'"));
}

TEST_F(FilesTest, AtomicFileAppearsAtCommitOnly) {
  write_file_atomically(path_, std::string_view("old"));
  {
    AtomicFile file(path_);
    EXPECT_EQ(file.temporary().parent_path(), folder_.path());
    EXPECT_EQ(file.temporary().extension(), ".txt");
    std::ofstream(file.temporary()) << "abandoned";
  }
  EXPECT_EQ(read_file(path_), "old");
  EXPECT_THAT(contents(), ElementsAre("file.txt"));
  AtomicFile file(path_);
  std::ofstream(file.temporary()) << "new";
  EXPECT_EQ(read_file(path_), "old");
  file.commit();
  EXPECT_EQ(read_file(path_), "new");
  EXPECT_THAT(contents(), ElementsAre("file.txt"));
}

TEST_F(FilesTest, AtomicFileThatWasNeverWrittenCannotBeCommitted) {
  write_file_atomically(path_, std::string_view("old"));
  {
    AtomicFile file(path_);
    EXPECT_THAT(file_sentence([&] { file.commit(); }), HasSubstr("does not exist"));
  }
  EXPECT_EQ(read_file(path_), "old");
  EXPECT_THAT(file_sentence([&] { AtomicFile file(folder_.path()); }), HasSubstr("it is a folder"));
}

TEST_F(FilesTest, AtomicFolderAppearsWholeAtCommit) {
  const fs::path path = folder_.path() / "run";
  AtomicFolder folder(path / "");
  EXPECT_EQ(folder.temporary(), folder_.path() / "run.partial");
  make_folder(folder.temporary() / "inner");
  std::ofstream(folder.temporary() / "inner" / "a") << "1";
  EXPECT_FALSE(fs::exists(path));
  folder.commit();
  EXPECT_THAT(contents(), ElementsAre("run", "run/inner", "run/inner/a"));
}

TEST_F(FilesTest, AtomicFolderKeepsAnInterruptedAttempt) {
  const fs::path path = folder_.path() / "run";
  {
    AtomicFolder folder(path);
    std::ofstream(folder.temporary() / "checkpoint") << "7";
  }
  AtomicFolder folder(path);
  EXPECT_EQ(read_file(folder.temporary() / "checkpoint"), "7");
}

TEST_F(FilesTest, AtomicFolderReplacesAnEarlierResultWhole) {
  const fs::path path = folder_.path() / "run";
  make_folder(path / "old_folder");
  std::ofstream(path / "old_folder" / "old") << "old";
  AtomicFolder folder(path);
  std::ofstream(folder.temporary() / "new") << "new";
  folder.commit();
  EXPECT_THAT(contents(), ElementsAre("run", "run/new"));
}

TEST_F(FilesTest, AtomicFolderDoesNotReplaceAFile) {
  write_file_atomically(path_, std::string_view("old"));
  AtomicFolder folder(path_);
  EXPECT_EQ(file_sentence([&] { folder.commit(); }), "cannot finish the folder '" + path_.string() +
                                                       "': a file is in the way; move it away");
  EXPECT_EQ(read_file(path_), "old");
  EXPECT_TRUE(fs::is_directory(folder.temporary()));
}

TEST_F(FilesTest, AtomicFolderNamesWhatVanished) {
  AtomicFolder folder(folder_.path() / "run");
  fs::remove_all(folder.temporary());
  EXPECT_THAT(file_sentence([&] { folder.commit(); }), HasSubstr("cannot finish the folder"));
}

TEST(TemporaryFolder, IsFreshAndRemoved) {
  fs::path path;
  {
    const TemporaryFolder a;
    const TemporaryFolder b;
    path = a.path();
    EXPECT_NE(a.path(), b.path());
    EXPECT_TRUE(fs::is_empty(path));
    make_folder(path / "x" / "y");
  }
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace affinis
