// keyguard.prepare, keyguard.close and keyguard.destroy.
#include "orchestrator/actions/action.h"
#include "orchestrator/actions/key_opener.h"
#include "procedures/reason.h"
#include "proto/rpc/channel.h"

namespace smki::orchestrator {
namespace {

constexpr Millis kCallDeadline{30000};
constexpr Millis kRetryDelay{1000};

class PrepareAction : public Action {
 public:
  explicit PrepareAction(Context context) : Action(std::move(context)), opener_(core(), incident()) {}

  void Start() override {
    opener_.Open([this](const Status& status) {
      if (!status.ok()) return Fail(status);
      Succeed("the custodians' quorum has opened the key");
    });
  }
  std::vector<std::string> WaitingFor() const override { return {opener_.waiting_for()}; }

 private:
  KeyOpener opener_;
};

class CloseAction : public Action {
 public:
  using Action::Action;

  void Start() override {
    const Artefact* direction = incident().Find(kDirectionArtefact);
    if (direction == nullptr) return Succeed("no key was opened");
    keyguard::v1::CloseRequest request;
    request.set_direction_digest(ToString(direction->sha256));
    request.set_why(fmt::format("{}: step {}", incident().state.id, step().id));
    rpc::Call<keyguard::v1::CloseResponse>(
        core().outside.keyguard, "/smki.keyguard.v1.Keyguard/Close", request, kCallDeadline,
        Guard([this](StatusOr<keyguard::v1::CloseResponse> response) { OnClosed(std::move(response)); }));
  }

 private:
  void OnClosed(StatusOr<keyguard::v1::CloseResponse> response) {
    if (response.ok()) return Confirm(response->status());
    const Status& status = response.status();
    // Whatever closed it before, closed is what is wanted: look that it is.
    if (ReasonOf(status).empty()) return After(kRetryDelay, [this] { Start(); });
    rpc::Call<keyguard::v1::Status>(core().outside.keyguard, "/smki.keyguard.v1.Keyguard/GetStatus",
                                    keyguard::v1::GetStatusRequest(), kCallDeadline,
                                    Guard([this](StatusOr<keyguard::v1::Status> now) {
                                      if (!now.ok()) return After(kRetryDelay, [this] { Start(); });
                                      Confirm(*now);
                                    }));
  }
  void Confirm(const keyguard::v1::Status& status) {
    if (status.state() == keyguard::v1::Status::OPEN)
      return Fail(Internal("the keyguard says that the key is still open"));
    std::vector<ledger::NewEntry> entries;
    entries.push_back(KeyguardEntry(incident(), "closed", status, status.closed_because()));
    if (const auto appended = core().book.Append(std::move(entries)); !appended.ok()) return Fail(appended.status());
    Succeed(fmt::format("the key is closed after {} signatures", status.signatures()),
            {{"keyguard.signatures", fmt::format("{}", status.signatures())},
             {"keyguard.refusals", fmt::format("{}", status.refusals())},
             {"keyguard.journal", ToHex(AsBytes(status.journal_head()))}});
  }
};

// The contingency pair and its Symmetric Key have done what they were for. It may be asked for again after a lost
// answer; how it ended is the keyguard's word for the closing.
class DestroyAction : public Action {
 public:
  using Action::Action;

  void Start() override {
    const Artefact* direction = incident().Find(kDirectionArtefact);
    if (direction == nullptr) return Fail(FailedPrecondition("no Direction, and no key, was used in this incident"));
    keyguard::v1::DestroyRequest request;
    request.set_direction_digest(ToString(direction->sha256));
    rpc::Call<keyguard::v1::DestroyResponse>(core().outside.keyguard, "/smki.keyguard.v1.Keyguard/Destroy", request,
                                             kCallDeadline,
                                             Guard([this](StatusOr<keyguard::v1::DestroyResponse> response) {
                                               if (response.ok()) return Confirm(response->status());
                                               if (!ReasonOf(response.status()).empty()) return Fail(response.status());
                                               After(kRetryDelay, [this] { Start(); });
                                             }));
  }

 private:
  void Confirm(const keyguard::v1::Status& status) {
    std::vector<ledger::NewEntry> entries;
    entries.push_back(KeyguardEntry(incident(), "closed", status, status.closed_because()));
    if (const auto appended = core().book.Append(std::move(entries)); !appended.ok()) return Fail(appended.status());
    Succeed(fmt::format("{} after {} signatures", status.closed_because(), status.signatures()),
            {{"keyguard.signatures", fmt::format("{}", status.signatures())},
             {"keyguard.refusals", fmt::format("{}", status.refusals())},
             {"keyguard.journal", ToHex(AsBytes(status.journal_head()))}});
  }
};

}  // namespace

std::unique_ptr<Action> MakeKeyguardAction(Action::Context context) {
  if (context.step.action == "keyguard.prepare") return std::make_unique<PrepareAction>(std::move(context));
  if (context.step.action == "keyguard.destroy") return std::make_unique<DestroyAction>(std::move(context));
  if (context.step.action == "keyguard.close") return std::make_unique<CloseAction>(std::move(context));
  return nullptr;
}

}  // namespace smki::orchestrator
