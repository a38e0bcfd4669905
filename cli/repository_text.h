// What the commands of `smkictl repository` share.
#pragma once

#include <functional>

#include "cli/command.h"
#include "repository/rebuild.h"

namespace smki::cli {

// Where the files are, and what every certificate must chain to.
struct RebuildInputs {
  std::string from, organisation_root, device_root;
};
void AddRebuildInputs(CLI::App& app, RebuildInputs& inputs);
void AddRoots(CLI::App& app, RebuildInputs& inputs, bool required);
StatusOr<repository::RebuildOptions> OptionsOf(const RebuildInputs& inputs);

// One line that grows on a terminal: done of total, rate, remaining. Quiet in a pipe. Sets options.on_progress; must
// live as long as it is called.
class RebuildProgressLine {
 public:
  RebuildProgressLine(const Command& command, repository::RebuildOptions& options);
  void Clear() const;

 private:
  const Command& command_;
  std::shared_ptr<bool> drawn_ = std::make_shared<bool>(false);
};

Json SummaryJson(const repository::StoreSummary& summary);
std::string SummaryText(const repository::StoreSummary& summary);

// Each adds one command, or some, to `smkictl repository`.
void AddRepositoryRebuild(CLI::App& group, Command& command);
void AddRepositoryProve(CLI::App& group, Command& command);
void AddRepositoryPublish(CLI::App& group, Command& command);

}  // namespace smki::cli
