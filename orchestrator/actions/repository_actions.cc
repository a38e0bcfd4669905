// repository.rebuild, repository.apply-deltas, repository.holds-certificates.
#include <mutex>

#include "base/clock.h"
#include "orchestrator/actions/action.h"
#include "orchestrator/actions/holder.h"
#include "procedures/reason.h"
#include "repository/rebuild.h"

namespace smki::orchestrator {
namespace {

constexpr Millis kPoll{1000};
constexpr Millis kDefaultDeadline = std::chrono::hours(24);

using Build = StatusOr<repository::RebuildReport> (*)(const repository::RebuildOptions&, repository::RebuildReport*);

// The roots every certificate must chain to are the trust policy's, not the files'.
StatusOr<repository::RebuildOptions> OptionsFor(Core& core) {
  const procedures::PolicyVerifier& verifier = core.trust.VerifierAt(core.Now());
  for (const pki::Certificate& authority : verifier.DeviceAuthorities()) {
    if (authority.issuer != authority.subject) continue;
    repository::RebuildOptions options{core.site.extracts, core.site.store, "",
                                       pki::AnchorOf(verifier.OrganisationRoot()), pki::AnchorOf(authority)};
    options.today = FormatDate(core.Now());
    return options;
  }
  return procedures::Refuse(procedures::Reason::kPOLICY_INCOMPLETE, "deviceAuthorities names no root");
}

class RepositoryAction : public Action {
 public:
  using Action::Action;

 protected:
  // Builds on the worker; `then` runs here with the report.
  void RunBuild(Build build, uint64_t tolerance, std::function<void(StatusOr<repository::RebuildReport>)> then) {
    auto options = OptionsFor(core());
    if (!options.ok()) return then(options.status());
    options->tolerance = tolerance;
    options->on_progress = [progress = progress_, start = SystemClock().SinceBoot()](const auto& now) {
      progress->Tell(now, std::chrono::duration_cast<Millis>(SystemClock().SinceBoot() - start));
    };
    auto report = std::make_shared<StatusOr<repository::RebuildReport>>(Internal("the build did not run"));
    core().outside.worker.Run([build, options = *options, report] { *report = build(options, nullptr); },
                              Guard([this, report, then = std::move(then)] {
                                core().repository.Forget();
                                then(std::move(*report));
                              }));
  }
  // How far the build is, empty if none is under way.
  std::string Progress() const { return progress_->Text(); }
  static Outputs OutputsOf(const repository::StoreSummary& summary) {
    return {{"store.digest", ToHex(summary.digest)},
            {"store.certificates", fmt::format("{}", summary.certificates)},
            {"store.date", summary.last_delta_date.empty() ? summary.full_date : summary.last_delta_date}};
  }

 private:
  // Told by the builder's threads, read here.
  class BuildProgress {
   public:
    void Tell(const repository::RebuildProgress& now, Millis elapsed) {
      const double seconds = std::max<double>(static_cast<double>(elapsed.count()) / 1000, 0.001);
      std::string text =
          fmt::format("{}: {} records, {:.0f}/s", now.stage, now.records, static_cast<double>(now.records) / seconds);
      if (now.stage == "reading" && now.octets_done > 0) {
        const double part = static_cast<double>(now.octets_done) / static_cast<double>(now.octets_total);
        text += fmt::format(", {:.0f} % of the files, {:.0f} s left", 100 * part, seconds / part - seconds);
      }
      const std::lock_guard lock(mutex_);
      text_ = std::move(text);
    }
    std::string Text() const {
      const std::lock_guard lock(mutex_);
      return text_;
    }

   private:
    mutable std::mutex mutex_;
    std::string text_;
  };
  const std::shared_ptr<BuildProgress> progress_ = std::make_shared<BuildProgress>();
};

class BuildAction : public RepositoryAction {
 public:
  BuildAction(Context context, Build build) : RepositoryAction(std::move(context)), build_(build) {}

  void Start() override {
    // The runbook's decide step accepted them (lint sees to it).
    const uint64_t tolerance = step().with.count("rejects") != 0 ? repository::kMostTolerated : 0;
    RunBuild(build_, tolerance, [this](StatusOr<repository::RebuildReport> report) {
      if (!report.ok()) return Fail(report.status());
      Outputs outputs = OutputsOf(report->summary);
      std::string rejected;
      if (!report->rejects.empty()) {
        outputs["store.rejected"] = fmt::format("{}", report->rejects.size());
        rejected =
            fmt::format("; {} rejected records are left out, see {}", report->rejects.size(), report->rejects_file);
      }
      const std::string detail =
          fmt::format("{} certificates from {} files, newest of {}{}", report->summary.certificates,
                      report->files.size(), outputs.at("store.date"), rejected);
      Succeed(detail, std::move(outputs));
    });
  }
  std::vector<std::string> WaitingFor() const override { return {Progress()}; }

 private:
  Build build_;
};

// Until the store has the certificates that the step names: applies what deltas there are, looks, waits, looks again.
class HoldsCertificatesAction : public RepositoryAction {
 public:
  using RepositoryAction::RepositoryAction;

  void Start() override { Apply(); }
  std::vector<std::string> WaitingFor() const override { return {missing_}; }

 private:
  void Apply() {
    RunBuild(&repository::ApplyDeltas, 0, [this](StatusOr<repository::RebuildReport> report) {
      // A gap or a broken file will not mend itself, but the authority may publish a good one: say so and go on
      // looking.
      if (!report.ok()) return Wait(report.status());
      Look(report->summary);
    });
  }
  void Look(const repository::StoreSummary& summary) {
    const auto found = Find();
    if (!found.ok()) return Wait(found.status());
    Outputs outputs = OutputsOf(summary);
    for (const auto& [cell, certificate] : *found) outputs["certificate." + cell] = ToHex(certificate.sha256());
    const auto holder = HolderFor(HolderOf(step()), incident().state, core().site.direction);
    if (!holder.ok()) return Fail(holder.status());
    const std::string detail =
        fmt::format("the {}certificates of {} are in the Repository ({})",
                    HolderOf(step()) == procedures::kSubscriber ? "new " : "", holder->party, outputs.at("store.date"));
    Succeed(detail, std::move(outputs));
  }
  StatusOr<CellCertificates> Find() {
    SMKI_ASSIGN_OR_RETURN(const auto store, core().repository.Current());
    return CertificatesFor(HolderOf(step()), incident().state, *store, core().site.direction);
  }
  void Wait(const Status& why) {
    missing_ = Message(why);
    if (core().Now() - step_state().started >= step().deadline.value_or(kDefaultDeadline)) {
      return Fail(procedures::Refuse(procedures::Reason::kCERTIFICATES_NOT_IN_REPOSITORY,
                                     "the deadline of the step has passed: " + missing_));
    }
    After(kPoll, [this] { Apply(); });
  }

  std::string missing_ = "the next delta";
};

}  // namespace

std::unique_ptr<Action> MakeRepositoryAction(Action::Context context) {
  const std::string& name = context.step.action;
  if (name == "repository.rebuild") return std::make_unique<BuildAction>(std::move(context), &repository::Rebuild);
  if (name == "repository.apply-deltas")
    return std::make_unique<BuildAction>(std::move(context), &repository::ApplyDeltas);
  if (name == "repository.holds-certificates") return std::make_unique<HoldsCertificatesAction>(std::move(context));
  return nullptr;
}

}  // namespace smki::orchestrator
