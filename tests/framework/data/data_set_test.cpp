#include "framework/data/data_set.h"

#include "tests/framework/data/made_samples.h"

namespace affinis::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(DataSet, OpensTheSplitsThatAreThere) {
  const TemporaryFolder folder;
  write_made_store(folder.path() / "train.h5", 3, 8, {"rgb"}, "train", "a");
  write_made_store(folder.path() / "test.h5", 2, 8, {"rgb"}, "test", "b");
  write_bytes(folder.path() / "ATTRIBUTION.txt", "all of it made up");
  const DataSet set(folder.path());
  EXPECT_EQ(set.image_side(), 8);
  EXPECT_EQ(set.vocabularies().at("semantic").size(), 4U);
  EXPECT_TRUE(set.has_split("test"));
  EXPECT_FALSE(set.has_split("transfer"));
  EXPECT_EQ(set.split("train").size(), 3);
  const Error error = error_of([&] { set.split("transfer"); });
  EXPECT_EQ(error.code(), ErrorCode::kData);
  EXPECT_THAT(error.what(), AllOf(HasSubstr(folder.path().string()), HasSubstr("'transfer'"), HasSubstr("test, train")));
}

TEST(DataSet, IdentityDependsOnContents) {
  const TemporaryFolder a;
  const TemporaryFolder b;
  for (const auto* folder : {&a, &b}) write_made_store(folder->path() / "train.h5", 3, 8, {"rgb"});
  EXPECT_EQ(DataSet(a.path()).identity(), DataSet(b.path()).identity());
  write_made_store(b.path() / "train.h5", 4, 8, {"rgb"});
  EXPECT_NE(DataSet(a.path()).identity(), DataSet(b.path()).identity());
}

TEST(DataSet, RefusesWhatDoesNotBelongTogether) {
  const TemporaryFolder folder;
  const auto open = [&] { return error_of([&] { DataSet set(folder.path()); }); };
  EXPECT_EQ(error_of([&] { DataSet set(folder.path() / "no"); }).code(), ErrorCode::kIo);
  EXPECT_THAT(open().what(), HasSubstr("holds no train.h5"));

  write_made_store(folder.path() / "train.h5", 3, 8, {"rgb"}, "train", "a");
  write_made_store(folder.path() / "test.h5", 2, 16, {"rgb"}, "test", "b");
  EXPECT_THAT(open().what(), AllOf(HasSubstr("image side 8"), HasSubstr("16")));

  write_made_store(folder.path() / "test.h5", 2, 8, {"rgb"}, "test", "a");
  EXPECT_THAT(open().what(), AllOf(HasSubstr("building 'a'"), HasSubstr("train.h5"), HasSubstr("test.h5")));

  write_made_store(folder.path() / "test.h5", 2, 8, {"rgb"}, "transfer", "b");
  EXPECT_THAT(open().what(), HasSubstr("transfer.h5"));

  StoreInfo info = made_info(8, {"rgb"}, "test");
  info.vocabularies["semantic"].push_back("lamp");
  StoreWriter writer(folder.path() / "test.h5", info);
  writer.add(made_sample(0, 8, "b"));
  writer.finish();
  EXPECT_THAT(open().what(), HasSubstr("vocabularies"));
}

}  // namespace
}  // namespace affinis::data
