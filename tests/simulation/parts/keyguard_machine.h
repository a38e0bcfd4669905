// smki-keyguard and its child smki-signer on their machine, with the tokens of the two keys beside it: the real
// KeyguardCalls, Countersigner and Signer, kept as keyguard_main.cc, signer_process.cc and signer_main.cc keep them.
#pragma once

#include <deque>
#include <optional>

#include "hsm/keyguard/calls.h"
#include "hsm/signer/signer.h"
#include "tests/simulation/estate.h"
#include "tests/simulation/parts/machine.h"

namespace smki::simulation {

class KeyguardMachine {
 public:
  KeyguardMachine(World world, const EstateImage& image, SimHsm& hsm, hsm::pkcs11::Module& module);
  ~KeyguardMachine();
  void Start();
  Disk& disk() { return disk_; }
  // For the orchestrator, and for persons: two listeners.
  Network::Host& host() { return host_; }
  Network::Host& persons_host() { return persons_host_; }
  Process& process() { return keyguard_; }
  void SetSignerClock(Millis error) { signer_process_.SetWallError(error); }
  const std::string& start_failure() const { return start_failure_; }

  // What the HSM asks before it does something, and what it tells.
  unsigned long BeforeHsm(const char* function, const std::string& token);
  void OnLogin(const std::string& token, bool logged_in);
  bool Owns(const std::string& token) const { return token == recovery_token_ || token == contingency_token_; }
  const std::string& recovery_token() const { return recovery_token_; }

  static constexpr char kName[] = "keyguard";
  static constexpr char kJournal[] = "keyguard/data/journal";
  static constexpr char kCheckpoint[] = "keyguard/data/newest-checkpoint";
  // Told before the token's sessions die by themselves.
  std::function<void(const std::string& token)> on_severed;
  // Told when the processes end.
  std::function<void()> on_signer_end, on_keyguard_end;

 private:
  using SignerReply = std::function<void(StatusOr<Bytes>)>;
  struct Request {
    std::vector<Bytes> frames;
    SignerReply reply;
  };
  // One listener.
  class Front : public Server {
   public:
    Front(KeyguardMachine& machine, bool persons) : machine_(machine), persons_(persons) {}
    void Serve(Call call, Reply reply) override;
    void ServeStream(Call call, Stream stream) override;

   private:
    KeyguardMachine& machine_;
    const bool persons_;
  };

  void Begin();
  Status Run();
  void ServeKeyguard(const Server::Call& call, const Server::Reply& reply);
  void ServePersons(const Server::Call& call, const Server::Reply& reply);
  void Ask(std::vector<Bytes> frames, SignerReply reply);

  // --- the child ---
  void BeginSigner();
  StatusOr<std::unique_ptr<hsm::Signer>> MakeSigner();
  void SendSome();
  // In the signer's process.
  void Submit(const std::vector<Bytes>& frames);
  void GiveAnswers(bool wait);
  void Tick();
  void PlanTick();
  void EndSigner();
  // In the keyguard's: the child is gone.
  void OnChildEnd(bool orderly);
  void TakeAnswer(Bytes octets);

  void Die(Fault how);
  void DieOfPower(Fault how);
  void EndKeyguard();

  World world_;
  const EstateImage& image_;
  SimHsm& hsm_;
  hsm::pkcs11::Module& module_;
  const std::string recovery_token_, contingency_token_;
  Process keyguard_, signer_process_;
  Disk disk_;
  Network::Host host_, persons_host_;
  Front front_, persons_front_;
  std::string start_failure_;
  bool token_away_ = false;
  bool logged_in_ = false;
  bool down_ = false;  // without power

  // Of one life of the keyguard.
  std::unique_ptr<hsm::Countersigner> countersigner_;
  std::unique_ptr<hsm::KeyguardCalls> calls_;
  std::unique_ptr<hsm::PersonsCalls> persons_calls_;
  std::deque<Request> waiting_, in_flight_;
  bool child_ready_ = false;
  // Of one life of the signer.
  std::unique_ptr<SeededRandom> random_;
  std::unique_ptr<hsm::Signer> signer_;
  bool ended_ = false;
  Executor::TimerId tick_ = 0;
};

}  // namespace smki::simulation
