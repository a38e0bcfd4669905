// keyguard.v1 messages as frames of the signer, and back. Sizes and shapes are checked here; meaning is the signer's.
#pragma once

#include "hsm/signer/frames.h"
#include "smki/keyguard/v1/keyguard.pb.h"

namespace smki::hsm {

namespace kg = smki::keyguard::v1;

StatusOr<PrepareFrame> ToFrame(const kg::PrepareHeader& header);
StatusOr<SignFrame> ToFrame(const kg::SignRequest& request);
StatusOr<ProveFrame> ToFrame(const kg::ProveRequest& request);
StatusOr<CloseFrame> ToFrame(const kg::CloseRequest& request);
StatusOr<DestroyFrame> ToFrame(const kg::DestroyRequest& request);
PresentFrame ToFrame(const kg::PresentShareRequest& request);
StatusOr<StatusRequestFrame> ToFrame(const kg::GetStatusRequest& request);
OrderFrame ToFrame(const kg::OrderRequest& request);
StatusOr<BeginCustodyFrame> ToFrame(const kg::BeginCustodyChangeRequest& request);

void FromFrame(CeremonyFrame frame, kg::Ceremony& out);
void FromFrame(SignedFrame frame, kg::SignResponse& out);
void FromFrame(ProvedFrame frame, kg::ProveResponse& out);
void FromFrame(StatusFrame frame, kg::Status& out);
void FromFrame(CustodyFrame frame, kg::Custody& out);

}  // namespace smki::hsm
