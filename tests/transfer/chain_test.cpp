#include "transfer/chain_job.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/nn/safetensors.h"
#include "transfer/job_kinds.h"
#include "transfer/transfer_function.h"

namespace affinis::transfer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A chain job with its inputs in folders of their own.
class ChainJob : public ::testing::Test {
 protected:
  ChainJob() {
    spec_.first = "edge2d";
    spec_.through = "rgb2depth";
    spec_.transfer_job = "transfer/edge2d--rgb2depth";
    job_ = make_chain_job(spec_);
    for (const char* name : {"encode", "transfer", "out"}) make_folder(folder_.path() / name);
    nn::initialise(*function_, 7);
    // Statistics of a network that has learnt: running means and variances matter in evaluation mode alone.
    function_->set_training(true);
    for (int step = 0; step < 20; ++step) static_cast<void>(function_->forward(at::randn({16, 8, 4, 4}) * 2 + 1));
    function_->set_training(false);
    training_ = {"edge2d", {0, 2, 5}, at::randn({3, 8, 4, 4}).to(at::kHalf).to(at::kFloat)};
    test_ = {"edge2d", {1, 4}, at::randn({2, 8, 4, 4}).to(at::kHalf).to(at::kFloat)};
    write_representations(folder_.path() / "encode" / kTransferRepresentationsFile, training_, RepresentationPrecision::kHalf);
    write_representations(folder_.path() / "encode" / kTestRepresentationsFile, test_, RepresentationPrecision::kHalf);
  }

  void write_function() {
    nn::write_safetensors(folder_.path() / "transfer" / kFunctionFile, {nn::state_of(*function_, "trunk."), {}});
  }

  void run() {
    run::JobContext context{.job = job_,
                            .folder = folder_.path() / "out",
                            .inputs = {{"encode/edge2d", folder_.path() / "encode"}, {"transfer/edge2d--rgb2depth", folder_.path() / "transfer"}},
                            .device = "cpu:0",
                            .threads = 1,
                            .logger = logger_,
                            .memory = memory_,
                            .progress = [](double, double, const std::string&) {},
                            .metrics = {}};
    make_chain_kind()->run(context);
    EXPECT_EQ(context.metrics.at("images"), 5);
  }

  TemporaryFolder folder_;
  Logger logger_;
  run::WorkerMemory memory_{1 << 20};
  ChainSpec spec_;
  run::Job job_;
  std::unique_ptr<nn::Module> function_ = make_transfer_function({});
  Representations training_;
  Representations test_;
};

TEST_F(ChainJob, PassesRepresentationsThroughTheTrainedFunction) {
  write_function();
  run();
  // As the job passes them: with gradients convolutions add up in another order.
  const at::NoGradGuard no_gradients;
  for (const auto& [file, input] : {std::pair(kTransferRepresentationsFile, training_), std::pair(kTestRepresentationsFile, test_)}) {
    const Representations found = read_representations(folder_.path() / "out" / file);
    EXPECT_EQ(found.source, "chain:edge2d>rgb2depth");
    EXPECT_EQ(found.indices, input.indices);
    const at::Tensor expected = function_->forward(input.values).detach().to(at::kHalf).to(at::kFloat);
    EXPECT_EQ(found.values.sizes(), expected.sizes());
    EXPECT_EQ(found.values.size(1), 16);
    EXPECT_TRUE(at::equal(found.values, expected));
    EXPECT_FALSE(at::allclose(found.values.slice(1, 0, 8), input.values));
  }
}

TEST_F(ChainJob, SaysWhatIsMissing) {
  try {
    run();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(std::string(error.what()), HasSubstr(kFunctionFile));
  }
}

TEST_F(ChainJob, IsAnEncodingOfItsChain) {
  EXPECT_EQ(job_.name, "encode/chain:edge2d>rgb2depth");
  EXPECT_EQ(job_.name, encode_job_name(chain_source_name("edge2d", "rgb2depth")));
  EXPECT_THAT(job_.inputs, ElementsAre("encode/edge2d", "transfer/edge2d--rgb2depth"));
  EXPECT_EQ(to_json(chain_spec_from_json(to_json(spec_))), to_json(spec_));
}

TEST(TransferSpec, SaysNothingOfAFunctionItDoesNotKeepSoThatOldJobsStayThemselves) {
  TransferSpec spec;
  EXPECT_FALSE(to_json(spec).contains("keep_function"));
  spec.keep_function = true;
  EXPECT_TRUE(transfer_spec_from_json(to_json(spec)).keep_function);
}

}  // namespace
}  // namespace affinis::transfer
