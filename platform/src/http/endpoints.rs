//! Every endpoint, as one list: the router is made from it, and so are the tests of who may call what. An endpoint that
//! is not in the list does not exist, and one that is cannot escape them.

use super::{Platform, routes};
use axum::{
    Router,
    http::Method,
    routing::{MethodFilter, MethodRouter, on},
};
use sentiance_protocol::{BODY_LIMIT_BYTES, DETECTIONS_BODY_LIMIT_BYTES, METADATA_BODY_LIMIT_BYTES};
use std::sync::Arc;
use tower_http::limit::RequestBodyLimitLayer;

/// Who may call an endpoint. It decides which gates stand before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Servers, with an API key; never a browser.
    Servers,
    /// SDKs, with a user's token or what buys one; pages of a listed origin too.
    Sdks,
    /// SDKs with a user's token as above, and servers with an API key, but with that no page.
    SdksAndServers,
    /// Whoever runs the platform: tells nothing, and asks for nothing.
    Operators,
}

/// The methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads.
    Get,
    /// Makes something happen.
    Post,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

impl Verb {
    /// As a request has it.
    pub fn method(self) -> Method {
        match self {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Patch => Method::PATCH,
            Verb::Delete => Method::DELETE,
        }
    }

    fn filter(self) -> MethodFilter {
        match self {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
            Verb::Patch => MethodFilter::PATCH,
            Verb::Delete => MethodFilter::DELETE,
        }
    }
}

/// One endpoint.
pub struct Endpoint {
    /// Its method.
    pub verb: Verb,
    /// Its path, with the names of its parameters in braces.
    pub path: &'static str,
    /// Who may call it.
    pub audience: Audience,
    /// How large a body it takes.
    pub body_limit: usize,
    handler: fn(MethodFilter) -> MethodRouter<Arc<Platform>>,
}

macro_rules! endpoints {
    ($( $audience:ident { $( $verb:ident $path:literal => $handler:path $(, body $limit:expr)?; )+ } )+) => {
        /// All endpoints.
        pub const ENDPOINTS: &[Endpoint] = &[$($( Endpoint {
            verb: Verb::$verb,
            path: $path,
            audience: Audience::$audience,
            body_limit: endpoints!(@limit $($limit)?),
            handler: |verb| on(verb, $handler),
        }, )+)+];
    };
    (@limit) => { BODY_LIMIT_BYTES };
    (@limit $limit:expr) => { $limit };
}

endpoints! {
    Servers {
        Post "/users/auth-code" => routes::auth_code::issue;
        Post "/v2/users/{install_id}/link" => routes::link_install::link;
    }
    SdksAndServers {
        Delete "/users/{user_id}" => routes::users::remove;
        Get "/v2/users/{user_id}" => routes::users::profile;
        Get "/v2/users/{user_id}/detections" => routes::detections::list;
        Get "/v2/users/{user_id}/trips" => routes::detections::list_trips;
    }
    Sdks {
        Get "/v2/users/me" => routes::users::own_profile;
        Post "/sdk/v1/users" => routes::sdk_users::create;
        Post "/sdk/v1/token" => routes::sdk_token::refresh;
        Post "/sdk/v1/link" => routes::sdk_link::by_code;
        Post "/sdk/v1/link/confirm" => routes::sdk_link::confirm;
        Get "/sdk/v1/config" => routes::sdk_config::show;
        Get "/sdk/v1/events" => routes::sdk_events::follow;
        Post "/sdk/v1/reset" => routes::sdk_reset::goodbye;
        Patch "/sdk/v1/metadata" => routes::sdk_metadata::change, body METADATA_BODY_LIMIT_BYTES;
        Post "/sdk/v1/detections" => routes::sdk_detections::record, body DETECTIONS_BODY_LIMIT_BYTES;
    }
    Operators {
        Get "/healthz" => routes::health::alive;
        Get "/readyz" => routes::health::ready;
    }
}

/// The routes of one audience, without its gates.
pub(super) fn of(audience: Audience) -> Router<Arc<Platform>> {
    let listed = ENDPOINTS.iter().filter(|endpoint| endpoint.audience == audience);
    listed.fold(Router::new(), |router, endpoint| {
        let handler = (endpoint.handler)(endpoint.verb.filter());
        router.route(endpoint.path, handler.layer(RequestBodyLimitLayer::new(endpoint.body_limit)))
    })
}
