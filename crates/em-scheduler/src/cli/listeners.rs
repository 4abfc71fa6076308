//! Where the API is reached: an address, a unix socket, or both, each behind a guard of its own that knows by which
//! names it may be called.

use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::api;
use crate::config::Exposure;
use crate::http::{Guard, Hosts, Limits, Listener, Socket, Token};

/// The listeners, open but not served.
pub(super) struct Listeners {
    tcp: Option<TcpListener>,
    socket: Option<Socket>,
    allow_hosts: Vec<String>,
    token: Option<Token>,
}

impl Listeners {
    pub(super) async fn open(exposure: &Exposure) -> anyhow::Result<Self> {
        let tcp = match exposure.bind {
            Some(bind) => Some(
                TcpListener::bind(bind)
                    .await
                    .with_context(|| format!("the API cannot listen on {bind} (setting bind)"))?,
            ),
            None => None,
        };
        let socket = match &exposure.socket {
            Some(path) => Some(Socket::bind(path).with_context(|| {
                format!(
                    "the API cannot listen on the socket {} (setting socket)",
                    path.display()
                )
            })?),
            None => None,
        };
        Ok(Self {
            tcp,
            socket,
            allow_hosts: exposure.allow_hosts.clone(),
            token: exposure.token.as_ref().map(|secret| Token::new(secret.expose())),
        })
    }

    /// The address with its real port; none where there is only the socket.
    pub(super) fn address(&self) -> anyhow::Result<Option<SocketAddr>> {
        let address = self.tcp.as_ref().map(TcpListener::local_addr).transpose();
        address.context("the API's own address cannot be found out")
    }

    /// Serves all of them until the sender of `end` says so or is gone.
    pub(super) async fn serve(self, router: Router, end: watch::Receiver<()>) {
        let address = self.tcp.as_ref().and_then(|tcp| tcp.local_addr().ok());
        let port = address.map(|address| address.port());
        let at_address = address.map(|address| Hosts::of_address(address, &self.allow_hosts));
        let at_socket = Hosts::of_socket(port, &self.allow_hosts);
        let tcp = self.tcp.zip(at_address);
        let socket = self.socket.map(|socket| (socket, at_socket));
        let guarded = |hosts| {
            Guard::new(hosts)
                .with_token(self.token.clone())
                .protect(router.clone(), api::table())
        };
        tokio::join!(
            serve(tcp.map(|(tcp, hosts)| (tcp, guarded(hosts))), end.clone()),
            serve(socket.map(|(socket, hosts)| (socket, guarded(hosts))), end),
        );
    }
}

async fn serve(guarded: Option<(impl Listener, Router)>, mut end: watch::Receiver<()>) {
    if let Some((listener, router)) = guarded {
        let end = async {
            // A sender that is dropped means the same as one that says so.
            let _ = end.changed().await;
        };
        crate::http::serve(listener, router, Limits::default(), end).await;
    }
}
