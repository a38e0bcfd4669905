// repository.rebuild, repository.apply-deltas, repository.holds-certificates.
#include <mutex>

#include "base/clock.h"
#include "orchestrator/actions/action.h"
#include "orchestrator/actions/hierarchy.h"
#include "orchestrator/actions/holder.h"
#include "orchestrator/actions/new_hierarchy.h"
#include "procedures/reason.h"
#include "repository/rebuild.h"

namespace smki::orchestrator {
namespace {

constexpr Millis kPoll{1000};
constexpr Millis kDefaultDeadline = std::chrono::hours(24);

using Build = StatusOr<repository::RebuildReport> (*)(const repository::RebuildOptions&, repository::RebuildReport*);

// The roots every certificate must chain to are the trust policy's, not the files'.
StatusOr<repository::RebuildOptions> OptionsFor(Core& core, const Incident& incident) {
  const procedures::PolicyVerifier& verifier = core.trust.VerifierAt(core.Now());
  for (const pki::Certificate& authority : verifier.DeviceAuthorities()) {
    if (authority.issuer != authority.subject) continue;
    repository::RebuildOptions options{core.site.extracts, core.site.store, "",
                                       pki::AnchorOf(verifier.OrganisationRoot()), pki::AnchorOf(authority)};
    options.today = FormatDate(core.Now());
    // Contingency: the root that is to take the old one's place, from its witnessed ceremony.
    SMKI_ASSIGN_OR_RETURN(const auto accepted, AcceptedRoot(core.book, incident));
    if (accepted) options.more_organisation_roots.push_back(pki::AnchorOf(*accepted));
    return options;
  }
  return procedures::Refuse(procedures::Reason::kPOLICY_INCOMPLETE, "deviceAuthorities names no root");
}

class RepositoryAction : public Action {
 public:
  using Action::Action;

 protected:
  // Builds on the worker; `then` runs here with the report.
  struct Tolerated {
    uint64_t rejects = 0;
    bool gap = false;
  };
  void RunBuild(Build build, Tolerated tolerated, std::function<void(StatusOr<repository::RebuildReport>)> then) {
    auto options = OptionsFor(core(), incident());
    if (!options.ok()) return then(options.status());
    options->tolerance = tolerated.rejects;
    options->allow_gap = tolerated.gap;
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
    const uint64_t rejects = step().with.contains("rejects") ? repository::kMostTolerated : 0;
    RunBuild(build_, {rejects, step().with.contains("gap") && GapWasSigned()}, [this](auto report) {
      if (!report.ok()) return Fail(report.status());
      Outputs outputs = OutputsOf(report->summary);
      std::string left_out;
      if (!report->missing.empty()) {
        outputs["store.missing"] = fmt::format("{}", fmt::join(report->missing, ", "));
        left_out = fmt::format("; missing and left out: {}", outputs.at("store.missing"));
      }
      if (!report->rejects.empty()) {
        outputs["store.rejected"] = fmt::format("{}", report->rejects.size());
        left_out +=
            fmt::format("; {} rejected records are left out, see {}", report->rejects.size(), report->rejects_file);
      }
      const std::string detail =
          fmt::format("{} certificates from {} files, newest of {}{}", report->summary.certificates,
                      report->files.size(), outputs.at("store.date"), left_out);
      Succeed(detail, std::move(outputs));
    });
  }
  std::vector<std::string> WaitingFor() const override { return {Progress()}; }

 private:
  // The rebuild without a gap was left out by a deviation: asked for by one person, approved by another. A decision
  // alone, which is one person's, does not do.
  bool GapWasSigned() const {
    return std::any_of(incident().state.deviations.begin(), incident().state.deviations.end(), [&](const auto& item) {
      const procedures::DeviationState& deviation = item.second;
      if (!deviation.done || deviation.asked.kind != procedures::DeviationKind::kSkip) return false;
      const procedures::Step* skipped = incident().runbook.Find(deviation.asked.step);
      return skipped != nullptr && skipped->action == "repository.rebuild";
    });
  }

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
    RunBuild(&repository::ApplyDeltas, {}, [this](StatusOr<repository::RebuildReport> report) {
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
  // Contingency: the new hierarchy is there; what each Device needs of it the draft will look for, with the Inventory.
  StatusOr<CellCertificates> FindHierarchy(const repository::Store& store) {
    SMKI_ASSIGN_OR_RETURN(const auto root, AcceptedRoot(core().book, incident()));
    if (!root) return FailedPrecondition("no new Root OCA Certificate was accepted from its key ceremony");
    SMKI_ASSIGN_OR_RETURN(NewHierarchy hierarchy, NewHierarchy::Find(store, *root, core().site.direction));
    CellCertificates out;
    for (const auto& [role, organisation] : core().site.direction.dcc_organisations) {
      if (role != "recovery" && role != "accessControlBroker") continue;  // which every Device has
      const char* usage = role == "recovery" ? "digitalSignature" : "keyAgreement";
      const std::string cell = fmt::format("{}/{}", role, usage);
      SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate,
                            hierarchy.CertificateFor(*gbcs::TrustAnchorCell::Parse(cell), organisation));
      out.emplace(cell, std::move(certificate));
    }
    out.emplace("root/keyCertSign", *root);
    return out;
  }
  StatusOr<CellCertificates> Find() {
    if (incident().runbook.key == "contingency") {
      SMKI_ASSIGN_OR_RETURN(const auto current, core().repository.Current());
      return FindHierarchy(*current);
    }
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
